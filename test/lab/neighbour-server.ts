import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Received, Service } from './neighbour.ts';

// Runs on a neighbour. Reads one JSON question per line, prints `done NUMBER ok|ERROR` for each and one JSON line for
// everything that arrives.

/** Written at once, so that a record is out before the sender gets its answer. */
function print(line: string): void {
  writeSync(1, `${line}\n`);
}

function record({ proto, port, source, sourcePort }: Received): string {
  const plain = source.replace(/^::ffff:(?=\d+\.)/, '');
  print(JSON.stringify({ proto, port, source: plain, sourcePort }));
  return `coi-lab ${proto} ${port} ${plain}\n`;
}

async function serveTcp({ port, host }: Service): Promise<void> {
  const server = createServer((socket) => {
    // A client that hangs up early has still arrived.
    socket.on('error', () => {});
    socket.end(record({ proto: 'tcp', port, source: socket.remoteAddress ?? '', sourcePort: socket.remotePort ?? 0 }));
    socket.resume();
  });
  server.listen({ port, host: host ?? '::', backlog: 1024 });
  await once(server, 'listening');
}

async function serveUdp({ port, host = '::' }: Service): Promise<void> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (_, { address, port: sourcePort }) => {
    const answer = record({ proto: 'udp', port, source: address, sourcePort });
    // Whoever blocks the answer is what a test may be about.
    socket.send(answer, sourcePort, address, () => {});
  });
  socket.bind(port, host);
  await once(socket, 'listening');
}

for await (const line of createInterface(process.stdin)) {
  const { number, listen } = JSON.parse(line) as { number: number; listen?: Service };
  try {
    if (listen?.proto === 'tcp') await serveTcp(listen);
    if (listen?.proto === 'udp') await serveUdp(listen);
    print(`done ${number} ok`);
  } catch (error) {
    print(`done ${number} ${error instanceof Error ? error.message : String(error)}`);
  }
}
