/**
 * Where a server listens: `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`.
 */
import { chmod, rm } from 'node:fs/promises';
import net from 'node:net';
import { SlipwayError } from '../protocol/errors.ts';

export type ListenAddress = { host: string; port: number } | { path: string };

/** sun_path has 104 bytes on macOS and 108 on Linux, both with the final zero; paths must work on either. */
const MAX_SOCKET_PATH_BYTES = 103;

/** Parses an address. @throws SlipwayError `listen.invalid`, `listen.socketPathTooLong` */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:')) return { path: checkedSocketPath(text.slice(5)) };
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/]*)):([0-9]{1,5})$/i.exec(text);
  if (match === null || Number(match[3]) > 65_535) {
    throw new SlipwayError(
      'listen.invalid',
      `"${text}" is not an address to listen on.`,
      'Write HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 takes any free one.',
    );
  }
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port: Number(match[3]) };
}

/** @throws SlipwayError `listen.socketPathTooLong` */
export function checkedSocketPath(path: string): string {
  const bytes = Buffer.byteLength(path);
  if (bytes > 0 && bytes <= MAX_SOCKET_PATH_BYTES) return path;
  throw new SlipwayError(
    'listen.socketPathTooLong',
    `The socket path "${path}" has ${bytes} bytes; operating systems take 1 to ${MAX_SOCKET_PATH_BYTES}.`,
    'Choose a shorter folder, for example under /tmp.',
  );
}

/**
 * Listens; resolves with the address as text once connections are taken. A socket file that nobody listens on any
 * more is replaced; a socket is for its owner only.
 * @throws SlipwayError `listen.inUse`; other errors of listen(2) as they are
 */
export async function listen(server: net.Server, address: ListenAddress): Promise<string> {
  if ('path' in address) {
    if (await isAnswered(address.path)) throw inUse(`unix:${address.path}`);
    await rm(address.path, { force: true });
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' && 'port' in address ? inUse(`${address.host}:${address.port}`) : error);
    });
    server.listen(address, resolve);
  });
  if ('path' in address) {
    await chmod(address.path, 0o600);
    return `unix:${address.path}`;
  }
  const bound = server.address() as net.AddressInfo;
  return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function inUse(address: string): SlipwayError {
  return new SlipwayError(
    'listen.inUse',
    `Another process listens on ${address} already.`,
    'Stop it or choose another address.',
    409,
  );
}
