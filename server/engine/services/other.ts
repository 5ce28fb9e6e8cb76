/** Operations on receipts, TensorBoard, secrets, nodes and long operations. */
import { Readable } from 'node:stream';
import { listPage, requireEntity } from '../query.ts';
import { exportReceipts, listReceipts, readReceipt, verifyStored } from '../receipts.ts';
import { deleteSecret, listSecrets, setSecret } from '../secrets.ts';
import type { Part, ServiceParts } from './parts.ts';

export function otherServices(
  parts: ServiceParts,
): Part<
  | 'listProjects'
  | 'listReceipts'
  | 'exportReceipts'
  | 'verifyReceipts'
  | 'getReceipt'
  | 'openTensorBoard'
  | 'closeTensorBoard'
  | 'listNodes'
  | 'listSecrets'
  | 'setSecret'
  | 'deleteSecret'
  | 'listOperations'
  | 'getOperation'
  | 'cancelOperation'
> {
  const { context, operations, tensorBoards, publicKeys, run } = parts;
  const { read } = context.engine.store;
  return {
    listProjects: ({ query }) => listPage(read, 'projects', query),
    listReceipts: ({ query }) => listReceipts(read, query),
    async exportReceipts({ query }) {
      return Readable.from(exportReceipts(read, publicKeys, query?.project));
    },
    verifyReceipts: ({ body }) =>
      operations.start('receipts.verify', body.project ?? 'all projects', 'objects', async (report) => {
        return verifyStored(context, publicKeys, undefined, (done) => report({ done }), body.project);
      }),
    getReceipt: ({ params }) => readReceipt(read, params.id),
    async openTensorBoard({ body }) {
      const { runs, sweep, folder, install } = body;
      if (runs !== undefined) return tensorBoards.open({ runs: await Promise.all(runs.map(run)) }, install);
      if (folder !== undefined) return tensorBoards.open({ folder }, install);
      await requireEntity(read, 'sweeps', sweep!);
      return tensorBoards.open({ sweep: sweep! }, install);
    },
    async closeTensorBoard({ params }) {
      tensorBoards.close(params.id);
      return {};
    },
    async listSecrets() {
      return { items: await listSecrets(context.folders.secrets) };
    },
    setSecret: ({ body }) => setSecret(context.folders.secrets, body.name, body.value),
    async deleteSecret({ params }) {
      await deleteSecret(context.folders.secrets, params.name);
      return {};
    },
    listNodes: ({ query }) => listPage(read, 'nodes', query),
    listOperations: ({ query }) => listPage(read, 'operations', query),
    async getOperation({ params }) {
      return operations.current(params.id) ?? requireEntity(read, 'operations', params.id);
    },
    async cancelOperation({ params }) {
      operations.cancel(params.id);
      return { id: params.id };
    },
  };
}
