import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SlipwayError } from '../../protocol/errors.ts';
import { type Client, createClient } from '../client.ts';

/**
 * A client of the control plane of a data folder that waits while it is restarted: each try looks up anew where it
 * answers. Calls that make something carry a request id, so that one that was heard and not answered is not done twice.
 */
export function retryingClient(data: string, retryForMs: number, signal: AbortSignal): Pick<Client, 'call'> {
  return {
    async call(name, ...input) {
      const deadline = Date.now() + retryForMs;
      for (;;) {
        try {
          const address = await addressOf(data);
          return await createClient(address, () => addressOf(data), signal).call(name, ...input);
        } catch (error) {
          const mayReturn = error instanceof SlipwayError && error.code === 'client.unreachable';
          if (!mayReturn || Date.now() > deadline) throw error;
          await delay(200, undefined, { signal });
        }
      }
    },
  };
}

async function addressOf(data: string): Promise<{ url: string; token: string }> {
  try {
    const { url } = JSON.parse(await readFile(join(data, 'server.json'), 'utf8')) as { url: string };
    return { url, token: (await readFile(join(data, 'token'), 'utf8')).trim() };
  } catch (error) {
    throw new SlipwayError(
      'client.unreachable',
      `No control plane answers for ${data}.`,
      'Start it with slipway serve.',
      503,
      { cause: error },
    );
  }
}
