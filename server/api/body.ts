/** A request's body: read up to a limit, then parsed as JSON that cannot surprise what works with it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SlipwayError } from '../protocol/errors.ts';
import { hasBody } from './answers.ts';

/** Deeper than any body of the API; recursive code behind it (validation, serialization) stays shallow. */
const maxDepth = 64;

/**
 * Reads a body whole.
 * @throws SlipwayError 413 `request.tooLarge`; what is left of the body has then not been read
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limitBytes: number,
): Promise<Buffer> {
  if (!hasBody(request)) return Buffer.alloc(0);
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  if (request.headers.expect !== undefined) response.writeContinue();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const read = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limitBytes) reject(tooLarge(limitBytes));
    else chunks.push(chunk);
  };
  const end = () => resolve(Buffer.concat(chunks));
  const close = () => reject(new SlipwayError('request.aborted', 'The request ended before its body did.'));
  request.on('data', read).once('end', end).once('close', close);
  try {
    return await promise;
  } finally {
    request.off('data', read).off('end', end).off('close', close).pause();
  }
}

/**
 * Parses a body as JSON: UTF-8, bounded in depth, without a key that could reach an object's prototype.
 * @returns undefined for an empty body
 * @throws SlipwayError 415 `request.mediaType`, 400 `request.json`
 */
export function parseJsonBody(bytes: Buffer, contentType: string | undefined): unknown {
  if (bytes.length === 0) return undefined;
  if (!/^application\/json *(; *charset="?utf-8"?)? *$/i.test(contentType ?? '')) {
    throw new SlipwayError(
      'request.mediaType',
      'The body is not declared as JSON.',
      'Send `Content-Type: application/json`.',
      415,
    );
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notJson('it is not UTF-8');
  }
  if (depthOf(text) > maxDepth) throw notJson(`it is nested deeper than ${maxDepth} levels`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw notJson((error as SyntaxError).message);
  }
  if (hasKey(value, '__proto__')) throw notJson('it has a key __proto__');
  return value;
}

/** The deepest nesting of brackets outside of strings; counted over the text, so that nothing recurses over it. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (isString) {
      if (character === '\\') i++;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth);
    else if (character === '}' || character === ']') depth--;
  }
  return deepest;
}

function hasKey(value: unknown, key: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Object.hasOwn(value, key)) return true;
  return Object.values(value).some((inner) => hasKey(inner, key));
}

function notJson(problem: string): SlipwayError {
  return new SlipwayError('request.json', `The body is not usable JSON: ${problem}.`, 'Send one JSON object.');
}

function tooLarge(limitBytes: number): SlipwayError {
  return new SlipwayError(
    'request.tooLarge',
    `The body is larger than ${limitBytes} bytes.`,
    'Send less in one request.',
    413,
  );
}
