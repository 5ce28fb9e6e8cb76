// A model server for the gateway's benchmark, `echo.ts SOCKET drains|closes`: answers what it was asked. `drains` ends on
// SIGTERM as our model servers do; `closes` at once, as a user's own server may.

import http from 'node:http';

const [socket, ending] = process.argv.slice(2) as [string, 'drains' | 'closes'];
const drainNoticeMs = 3_000;
let isDraining = false;

const server = http.createServer({ keepAliveTimeout: 75_000 }, async (request, response) => {
  if (isDraining) response.setHeader('Connection', 'close');
  if (request.url === '/ready') {
    response.writeHead(isDraining ? 503 : 200).end();
    return;
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const answer = request.method === 'POST' ? body : request.url!.slice('/echo/'.length);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(answer) });
  response.end(answer);
});
server.listen(socket);

process.on('SIGTERM', () => {
  if (ending === 'closes') process.exit(0);
  isDraining = true;
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  }, drainNoticeMs);
});
