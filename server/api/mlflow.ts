/**
 * The paths at which MLflow's client expects a tracking server: `/api/2.0/mlflow/…` and the files behind
 * `mlflow-artifacts:`. Errors in MLflow's form, `{error_code, message}`. Besides the token of the control plane, the
 * token of one run is taken, for that run only.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { ControlPlane } from '../engine/services.ts';
import { TrackingError } from '../engine/tracking/errors.ts';
import { errorBody, SlipwayError } from '../protocol/errors.ts';
import { apiHeaders, sendJson } from './answers.ts';
import { parseJsonBody, readBody } from './body.ts';

const callPrefix = '/api/2.0/mlflow/';
const artifactsPath = '/api/2.0/mlflow-artifacts/artifacts';

export function isTrackingPath(path: string): boolean {
  return path.startsWith(callPrefix) || path === artifactsPath || path.startsWith(`${artifactsPath}/`);
}

export interface TrackingRequest {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  query: string;
  /** The caller holds the token of this run, and may work on it alone. */
  onlyRun: string | undefined;
  bodyBytes: number;
}

/** Answers one request of an MLflow client that has shown a credential. */
export async function answerTracking(tracking: ControlPlane['tracking'], asked: TrackingRequest): Promise<void> {
  const { response, path } = asked;
  try {
    if (path.startsWith(callPrefix)) await answerCall(tracking, asked);
    else await answerArtifact(tracking, asked);
  } catch (error) {
    if (response.headersSent || !(error instanceof TrackingError || error instanceof SlipwayError)) throw error;
    const code = error instanceof TrackingError ? error.code : 'BAD_REQUEST';
    const message = error instanceof TrackingError ? error.message : errorBody(error).message;
    const close = asked.request.complete ? {} : { Connection: 'close' };
    sendJson(response, error.status, { error_code: code, message }, close);
  }
}

async function answerCall(tracking: ControlPlane['tracking'], asked: TrackingRequest): Promise<void> {
  const { request, response, path, query, onlyRun, bodyBytes } = asked;
  const method = request.method ?? 'GET';
  const body = await readBody(request, response, bodyBytes);
  // Python's json writes bare NaN and Infinity, which JSON has no words for.
  const text = body.length === 0 ? '' : namedNumbers(body.toString('utf8'));
  const sent = text === '' ? {} : parseJsonBody(Buffer.from(text), 'application/json');
  const input = method === 'GET' ? queryOf(query) : sent;
  sendJson(response, 200, await tracking.call(method, path.slice(callPrefix.length), input, onlyRun));
}

/** Numbers that are no JSON, outside of strings, by their names. */
function namedNumbers(text: string): string {
  if (!/NaN|Infinity/.test(text)) return text;
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
}

function queryOf(query: string): Record<string, string | string[]> {
  const values: Record<string, string | string[]> = Object.create(null);
  const parameters = new URLSearchParams(query);
  for (const key of new Set(parameters.keys())) {
    const all = parameters.getAll(key);
    values[key] = all.length > 1 ? all : all[0]!;
  }
  return { ...values };
}

async function answerArtifact(tracking: ControlPlane['tracking'], asked: TrackingRequest): Promise<void> {
  const { request, response, path, query, onlyRun } = asked;
  const address = decode(path.slice(artifactsPath.length + 1));
  const listed = address === '' ? (new URLSearchParams(query).get('path') ?? '') : address;
  if (onlyRun !== undefined && tracking.artifacts.runOf(listed) !== onlyRun) {
    throw new TrackingError('PERMISSION_DENIED', 'This token is for one run only.', 403);
  }
  if (request.method === 'PUT' && address !== '') {
    await tracking.artifacts.write(address, request);
    sendJson(response, 200, {});
  } else if (request.method === 'GET' && address !== '') {
    const bytes = await tracking.artifacts.read(address);
    response.writeHead(200, {
      ...apiHeaders,
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': 'attachment',
    });
    await pipeline(bytes, response);
  } else if (request.method === 'GET') {
    sendJson(response, 200, { files: await tracking.artifacts.list(listed, '') });
  } else throw new TrackingError('ENDPOINT_NOT_FOUND', 'Artifacts are listed, read and written here.', 405);
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new TrackingError('INVALID_PARAMETER_VALUE', 'This is no path of an artifact.', 400);
  }
}
