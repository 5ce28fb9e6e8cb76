/** Byte streams to a local workload: to a port on loopback, or to a command run beside it. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { SlipwayError } from '../../protocol/errors.ts';
import { baseEnv } from './base-env.ts';
import { markVariable, type StoredWorkload } from './folder.ts';
import { sendSignal } from './processes.ts';

/** @throws SlipwayError `workload.portClosed` when nothing listens there */
export async function openPort(id: string, port: number): Promise<Duplex> {
  // By name: servers listen on ::1, on 127.0.0.1, or on both.
  const socket = connect({ host: 'localhost', port });
  try {
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  } catch (error) {
    const message = `Port ${port} of ${id} does not answer: ${(error as Error).message}`;
    throw new SlipwayError('workload.portClosed', message, 'It may still be starting; its log tells more.', 502, {
      cause: error,
    });
  }
  return socket;
}

/**
 * Standard input and output of a command; its standard error goes into the same stream. Destroying the stream sends
 * SIGHUP to its group, as a terminal that is closed does; the end of the workload ends it for certain.
 * @throws SlipwayError `workload.commandFailed` when it cannot be started
 */
export async function openCommand(workload: StoredWorkload, command: string[]): Promise<Duplex> {
  const child = spawn(command[0]!, command.slice(1), {
    cwd: workload.cwd,
    env: { ...baseEnv(process.env), ...workload.env, [markVariable]: workload.mark },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  try {
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  } catch (error) {
    const message = `The command ${command[0]} could not be started beside ${workload.id}: ${(error as Error).message}`;
    throw new SlipwayError('workload.commandFailed', message, 'Check that it is installed.', 502, { cause: error });
  }
  const { stdin, stdout, stderr } = child;
  const stream = new Duplex({
    read: () => {
      stdout.resume();
      stderr.resume();
    },
    write: (bytes, _encoding, done) => void stdin.write(bytes, done),
    final: (done) => void stdin.end(done),
    destroy: (error, done) => {
      if (child.exitCode === null && child.signalCode === null) sendSignal(-child.pid!, 'SIGHUP');
      stdin.destroy();
      done(error);
    },
  });
  for (const output of [stdout, stderr]) {
    output.on('data', (bytes: Buffer) => {
      if (stream.push(bytes)) return;
      stdout.pause();
      stderr.pause();
    });
  }
  // A command that has ended reads no more: EPIPE is its end, not an error of the stream.
  stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') stream.destroy(error);
  });
  child.once('close', () => {
    if (!stream.destroyed) stream.push(null);
  });
  return stream;
}
