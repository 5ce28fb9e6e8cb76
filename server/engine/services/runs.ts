/** Operations on runs: start, stop, logs, metrics, files. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasEnded } from '../../domain/run/run.ts';
import { captureCode } from '../code.ts';
import { newId } from '../ids.ts';
import { ensureDataset } from '../prepareRun.ts';
import { listPage, requireEntity } from '../query.ts';
import { runFolder } from '../runFolder.ts';
import { logParts } from '../runLog.ts';
import { programSpec, stageSpec } from '../runSpecs.ts';
import { createTraining } from '../starts.ts';
import type { Part, ServiceParts } from './parts.ts';
import { captureProject, projectName } from './project.ts';
import { requireAbsolute } from './request.ts';

export function runServices({
  context,
  run,
}: ServiceParts): Part<'listRuns' | 'startRun' | 'getRun' | 'stopRun' | 'readRunLogs' | 'listRunFiles'> {
  const { engine, objects, now } = context;
  const { read } = engine.store;
  return {
    listRuns({ query }) {
      const { project, status, sweep } = query ?? {};
      const filter = {
        ...(project === undefined ? {} : { project }),
        ...(sweep === undefined ? {} : { parent: sweep }),
      };
      return listPage(read, 'runs', query, filter, (one) => status === undefined || one.status === status);
    },
    async startRun({ body }) {
      requireAbsolute(body.folder);
      const { folder, command, step = 'train', title, params, resume } = body;
      const id = newId('r', now(), body.requestId);
      if (await engine.state('run', id)) return requireEntity(read, 'runs', id);
      if (resume !== undefined) await run(resume);
      if (command) {
        const code = await captureCode(objects, folder);
        const spec = programSpec({ id, project: projectName(folder), folder, code, command, title });
        await engine.send('run', id, { type: 'created', spec });
        return requireEntity(read, 'runs', id);
      }
      const { file, code } = await captureProject(context, folder, step);
      if (step === 'train') {
        await createTraining(context, { id, file, folder, code, params, title, resume });
        return requireEntity(read, 'runs', id);
      }
      const dataset = await ensureDataset(context, file, folder);
      const spec = { ...stageSpec({ file, folder, code, dataset }, step, []), id, resolve: true };
      await engine.send('run', id, { type: 'created', spec: { ...spec, params: { ...spec.params, ...params } } });
      return requireEntity(read, 'runs', id);
    },
    getRun: ({ params }) => requireEntity(read, 'runs', params.id),
    async stopRun({ params, body }) {
      await run(params.id);
      await engine.send('run', params.id, { type: 'stopRequested', reason: body?.reason ?? 'Stopped by hand.' });
      return requireEntity(read, 'runs', params.id);
    },
    async readRunLogs({ params, query }) {
      const limit = query?.limit ?? 1 << 20;
      const state = await run(params.id);
      let part = { offset: 0, next: 0, text: '', ended: hasEnded(state.status) };
      let text = '';
      let offset: number | undefined;
      const request = { offset: query?.offset ?? 0, follow: false, signal: context.signal };
      for await (part of logParts(context, state, request)) {
        offset ??= part.offset;
        text += part.text;
        if (part.next - offset >= limit) break;
      }
      return { offset: offset ?? 0, next: part.next, text, ended: part.ended };
    },
    async listRunFiles({ params }) {
      await run(params.id);
      const { output } = runFolder(context.folders.runs, params.id);
      const names = await readdir(output, { recursive: true, withFileTypes: true }).catch(() => []);
      const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      const items = await Promise.all(
        files.sort().map(async (path) => {
          const relative = path.slice(output.length + 1);
          const slash = relative.indexOf('/');
          const [name, rest] = slash < 0 ? ['files', relative] : [relative.slice(0, slash), relative.slice(slash + 1)];
          return { output: name, path: rest, bytes: (await stat(path)).size };
        }),
      );
      return { items };
    },
  };
}
