/** Byte streams into a pod: WebSockets through the API server, one channel a stream, as a Duplex. */
import { request } from 'node:http';
import { Duplex } from 'node:stream';
import WebSocket from 'ws';
import { SlipwayError } from '../../protocol/errors.ts';
import type { KubernetesClient } from './client.ts';
import { agentPort, workContainer } from './names.ts';
import type { Pod } from './objects.ts';

/** Version 5 can close a channel: the end of standard input reaches the command. */
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const closeChannel = 255;
/** Bytes waiting to be sent, above which writers wait. */
const highWaterBytes = 1 << 20;

/** Standard input and output of a command in the user's container; its standard error goes into the same stream. */
export async function openCommand(client: KubernetesClient, pod: Pod, command: string[]): Promise<Duplex> {
  const query = new URLSearchParams({ container: workContainer, stdin: 'true', stdout: 'true', stderr: 'true' });
  for (const part of command) query.append('command', part);
  return connect(client, `${podPath(pod)}/exec?${query}`, { input: 0, output: [1, 2], error: 3 });
}

/** A connection to a port that a process of the pod listens on. @throws SlipwayError `workload.portClosed` */
export async function openPort(client: KubernetesClient, pod: Pod, id: string, port: number): Promise<Duplex> {
  const toAgent = await openAgent(client, pod);
  return new Promise((resolve, reject) => {
    const asked = request({ createConnection: () => toAgent, method: 'CONNECT', path: `localhost:${port}` });
    asked.on('connect', (answer, socket, head) => {
      if (answer.statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      toAgent.destroy();
      const message = `Port ${port} of ${id} does not answer: ${answer.statusMessage}`;
      reject(new SlipwayError('workload.portClosed', message, 'It may still be starting; its log tells more.', 502));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** A connection to our container of the pod, which listens on loopback there. */
export async function openAgent(client: KubernetesClient, pod: Pod): Promise<Duplex> {
  // Each channel begins with the port's number.
  const channels = { input: 0, output: [0], error: 1, skip: 2 };
  return connect(client, `${podPath(pod)}/portforward?ports=${agentPort}`, channels);
}

function podPath({ metadata }: Pod): string {
  return `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
}

async function connect(client: KubernetesClient, path: string, channels: Channels): Promise<Duplex> {
  const server = client.config.getCurrentCluster()!.server;
  const options = {};
  await client.config.applyToHTTPSOptions(options);
  const socket = new WebSocket(server.replace(/^http/, 'ws') + path, protocols, options);
  // Made before the socket is open: the first message may come with it.
  const stream = duplex(socket, channels);
  return new Promise((resolve, reject) => {
    const fail = (message: string) => {
      socket.terminate();
      reject(new SlipwayError('kubernetes.streamFailed', `No stream into the pod: ${message}`, '', 502));
    };
    socket.once('open', () => resolve(stream));
    socket.once('unexpected-response', (_request, answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => fail(`${answer.statusCode} ${Buffer.concat(chunks).toString().slice(0, 500)}`));
    });
    stream.once('error', (error) => fail(error.message));
  });
}

interface Channels {
  input: number;
  output: number[];
  /** Text that tells why it ended; empty or a success for a good end. */
  error: number;
  /** Bytes at the beginning of each channel that are not the stream's. */
  skip?: number;
}

function duplex(socket: WebSocket, channels: Channels): Duplex {
  const skipped = new Map<number, number>();
  const stream = new Duplex({
    read: () => {
      if (socket.readyState === WebSocket.OPEN) socket.resume();
    },
    write(bytes: Buffer, _encoding, done) {
      send(socket, channels.input, bytes, done);
    },
    final(done) {
      if (socket.protocol === 'v5.channel.k8s.io') send(socket, closeChannel, Buffer.from([channels.input]), done);
      else done();
    },
    destroy(error, done) {
      socket.close();
      done(error);
    },
  });
  socket.on('message', (data: Buffer) => {
    const [channel = 0] = data;
    let bytes = data.subarray(1);
    const skip = Math.min((channels.skip ?? 0) - (skipped.get(channel) ?? 0), bytes.length);
    if (skip > 0) {
      skipped.set(channel, (skipped.get(channel) ?? 0) + skip);
      bytes = bytes.subarray(skip);
    }
    if (channels.output.includes(channel)) {
      if (bytes.length > 0 && !stream.push(bytes)) socket.pause();
    } else if (channel === channels.error && bytes.length > 0) {
      const problem = problemOf(bytes.toString());
      if (problem) stream.destroy(new SlipwayError('kubernetes.streamFailed', problem, '', 502));
    }
  });
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => {
    if (!stream.destroyed) stream.push(null);
  });
  return stream;
}

/** Done at once while the socket keeps up, else when the bytes are on their way. */
function send(socket: WebSocket, channel: number, bytes: Buffer, done: (error?: Error | null) => void): void {
  const message = Buffer.concat([Buffer.from([channel]), bytes]);
  if (socket.readyState !== WebSocket.OPEN) {
    done(); // a stream that has ended reads no more
  } else if (socket.bufferedAmount > highWaterBytes) {
    socket.send(message, (error) => done(error ?? null));
  } else {
    socket.send(message);
    done();
  }
}

/** A command that ends with a status other than 0 is no problem of the stream. */
function problemOf(text: string): string | undefined {
  try {
    const { status, message, reason } = JSON.parse(text) as { status?: string; message?: string; reason?: string };
    return status === 'Success' || reason === 'NonZeroExitCode' ? undefined : (message ?? text);
  } catch {
    return text;
  }
}
