// Requests on raw connections, each with a number of its own that must come back: an answer that belongs to another
// request counts as failed. Seven of ten are POST.

import net from 'node:net';

export interface Failure {
  method: 'GET' | 'POST';
  /** 0 where the connection broke. */
  status: number;
  /** The answer's body, or what happened to the connection. */
  message: string;
  atMs: number;
}

export interface Traffic {
  answered: number;
  posts: number;
  failures: Failure[];
  done: Promise<void>;
}

/** Sends `total` requests to an endpoint over `connections` connections, one at a time on each. */
export function sendTraffic(port: number, prefix: string, total: number, connections: number): Traffic {
  const traffic: Traffic = { answered: 0, posts: 0, failures: [], done: Promise.resolve() };
  let next = 0;
  const client = () =>
    new Promise<void>((resolve) => {
      let number = -1;
      let received = '';
      let socket: net.Socket;
      const fail = (status: number, message: string) => {
        const method = number % 10 < 7 ? 'POST' : 'GET';
        traffic.failures.push({ method, status, message, atMs: Date.now() });
        traffic.answered++;
      };
      const send = () => {
        if (next === total) {
          number = -1;
          socket.destroy();
          resolve();
          return;
        }
        number = next++;
        received = '';
        const id = `X-Request-Id: b-${number}`;
        if (number % 10 < 7) {
          traffic.posts++;
          const body = `{"number":${number}}`;
          socket.write(
            `POST ${prefix}/predict HTTP/1.1\r\nHost: a\r\n${id}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
            'latin1',
          );
        } else socket.write(`GET ${prefix}/echo/${number} HTTP/1.1\r\nHost: a\r\n${id}\r\n\r\n`, 'latin1');
      };
      const connect = () => {
        socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
        socket.setEncoding('latin1');
        let problem = 'closed before the answer was whole';
        socket.on('connect', send);
        socket.on('error', (error) => {
          problem = error.message;
        });
        socket.on('data', (text: string) => {
          received += text;
          const answer = wholeAnswer(received);
          if (answer === null) return;
          const wanted = number % 10 < 7 ? `{"number":${number}}` : `${number}`;
          const isOwn = answer.head.includes(`X-Request-Id: b-${number}\r\n`) && answer.body === wanted;
          if (answer.status === 200 && isOwn) traffic.answered++;
          else fail(answer.status, answer.body);
          if (/\r\nconnection: close/i.test(answer.head)) {
            number = -1;
            socket.end();
          } else send();
        });
        socket.on('close', () => {
          if (next === total && number === -1) {
            resolve();
            return;
          }
          if (number !== -1) fail(0, problem);
          connect();
        });
      };
      connect();
    });
  traffic.done = Promise.all(Array.from({ length: connections }, client)).then(() => {});
  return traffic;
}

function wholeAnswer(text: string): { status: number; head: string; body: string } | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = text.slice(0, end + 2);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
  if (Number.isNaN(length)) throw new Error(`an answer without a length:\n${head}`);
  if (text.length < end + 4 + length) return null;
  return { status: Number(text.slice(9, 12)), head, body: text.slice(end + 4) };
}
