import assert from 'node:assert/strict';
import { Connection } from '../../../../extension/client/connection.ts';
import type { EmbeddedServer } from '../../../../extension/server/embedded.ts';
import { SlipwayError } from '../../../../server/protocol/errors.ts';

describe('the connection to the control plane', () => {
  it('is used by views and commands at the same moment, while it is looked for, and starts one control plane', async () => {
    let starts = 0;
    let look = (): void => undefined;
    const embedded: EmbeddedServer = {
      folder: '/nonexistent',
      find: () =>
        new Promise((resolve) => {
          look = () => resolve(undefined);
        }),
      async ensure() {
        starts++;
        throw new SlipwayError('server.notStarted', 'It does not start here.', '');
      },
    };
    const connection = new Connection(embedded, { info: () => undefined, warn: () => undefined });
    const attaching = connection.attach();
    const uses = Array.from({ length: 4 }, () => connection.use());
    look();
    const outcomes = await Promise.allSettled(uses);
    await attaching;
    connection.dispose();
    assert.ok(outcomes.every((outcome) => outcome.status === 'rejected'));
    assert.equal(starts, 1);
  });
});
