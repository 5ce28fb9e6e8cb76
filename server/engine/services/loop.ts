/** Operations on what makes runs: pipelines, validations. */
import type { RunState } from '../../domain/run/run.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import { readCapturedFile } from '../code.ts';
import { newId } from '../ids.ts';
import { planOf } from '../pipelineSteps.ts';
import { listPage, requireEntity } from '../query.ts';
import { createValidation } from '../starts.ts';
import type { Part, ServiceParts } from './parts.ts';
import { captureProject } from './project.ts';
import { requireAbsolute } from './request.ts';

export function loopServices({
  context,
}: ServiceParts): Part<
  'listPipelines' | 'startPipeline' | 'getPipeline' | 'listValidations' | 'startValidation' | 'getValidation'
> {
  const { engine, now } = context;
  const { read } = engine.store;
  return {
    listPipelines: ({ query }) => listPage(read, 'pipelines', query),
    async startPipeline({ body }) {
      requireAbsolute(body.folder);
      const id = newId('p', now(), body.requestId);
      if (!(await engine.state('pipeline', id))) {
        const { file, code } = await captureProject(context, body.folder);
        if (body.search && !file.sweep) {
          throw new SlipwayError(
            'yaml.missingKey',
            'slipway.yaml has no `sweep` to search with.',
            'Add one, or run without search.',
          );
        }
        const { project } = file;
        const steps = planOf(file, body.search ?? false, body.until);
        await engine.send('pipeline', id, {
          type: 'created',
          id,
          project,
          folder: body.folder,
          code,
          steps,
          canSweep: file.sweep !== undefined,
        });
      }
      return requireEntity(read, 'pipelines', id);
    },
    getPipeline: ({ params }) => requireEntity(read, 'pipelines', params.id),
    listValidations: ({ query }) => listPage(read, 'validations', query),
    async startValidation({ body }) {
      const id = newId('v', now(), body.requestId);
      if (!(await engine.state('validation', id))) {
        const run = await engine.state<RunState>('run', body.run);
        if (!run)
          throw new SlipwayError('runs.unknown', `There is no run ${body.run}.`, 'See `slipway run list`.', 404);
        const { code, folder } = run.spec;
        const file = await readCapturedFile(context.objects, code.md5);
        await createValidation(context, { id, file, folder, code, run: body.run, register: body.register ?? true });
      }
      return requireEntity(read, 'validations', id);
    },
    getValidation: ({ params }) => requireEntity(read, 'validations', params.id),
  };
}
