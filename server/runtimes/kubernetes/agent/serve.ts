/** What our container answers inside the pod, on loopback: the log from any offset, and ports of the work. */
import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';

/** `GET /log?offset=N&follow=1`: bytes; a followed one ends when the work is over. `CONNECT localhost:PORT`: a port. */
export async function serve(port: number, logPath: string, isOver: Promise<void>): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname !== '/log') {
      response.writeHead(404).end();
      return;
    }
    const offset = Number(url.searchParams.get('offset') ?? 0);
    const until = url.searchParams.get('follow') === '1' ? isOver : Promise.resolve();
    sendLog(response, logPath, offset, until).catch((error: Error) => response.destroy(error));
  });
  server.on('connect', (request, socket, head) => {
    const target = connect({ host: 'localhost', port: Number(request.url?.split(':')[1]) });
    target.once('connect', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      if (head.length > 0) target.write(head);
      socket.pipe(target).pipe(socket);
    });
    target.once('error', (error: NodeJS.ErrnoException) => {
      socket.end(`HTTP/1.1 502 ${error.code ?? 'no connection'}\r\nContent-Length: 0\r\n\r\n`);
    });
    socket.once('error', () => target.destroy());
    socket.once('close', () => target.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

async function sendLog(response: ServerResponse, path: string, from: number, until: Promise<void>): Promise<void> {
  const file = await open(path);
  let wake = () => {};
  const watcher = watch(path, () => wake());
  const closed = new Promise<'closed'>((resolve) => response.once('close', () => resolve('closed')));
  const over = until.then(() => 'over' as const);
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  response.flushHeaders();
  try {
    let offset = from;
    const buffer = Buffer.alloc(64 << 10);
    const readAll = async () => {
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
        if (bytesRead === 0 || response.closed) return;
        offset += bytesRead;
        const copy = Buffer.from(buffer.subarray(0, bytesRead));
        if (!response.write(copy)) {
          await Promise.race([closed, new Promise((resolve) => response.once('drain', resolve))]);
        }
      }
    };
    for (;;) {
      const changed = new Promise<'changed'>((resolve) => (wake = () => resolve('changed')));
      await readAll();
      const next = await Promise.race([over, closed, changed]);
      if (next === 'changed') continue;
      if (next === 'over') await readAll();
      response.end();
      return;
    }
  } finally {
    watcher.close();
    await file.close();
  }
}
