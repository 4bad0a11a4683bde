// Runs inside a network namespace and does what the test says: servers, connections, datagrams.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { lookUp, type Lookup } from '../../network/lookup.ts';

export type Order =
  | { do: 'serve'; port: number; hosts?: readonly string[] }
  | { do: 'connect'; host: string; port: number; from?: string; keep?: boolean }
  | { do: 'ask'; host: string; port: number; from?: string; fromPort?: number; broadcast?: boolean }
  | { do: 'talk'; connection: number }
  | { do: 'listen'; connection: number }
  | { do: 'push'; port: number }
  | { do: 'flood'; targets: readonly string[]; port: number; ms: number }
  | { do: 'scatter'; host: string; perSecond: number; ms: number }
  | { do: 'received'; port: number }
  | ({ do: 'lookup' } & Lookup);

const waitMs = 350;
const kept: Socket[] = [];
const received = new Map<number, number>();
const served = new Map<number, Set<Socket>>();

process.on('message', ({ id, order }: { id: number; order: Order }) => {
  void run(order).then(
    (answer) => process.send!({ id, answer }),
    (error: unknown) => process.send!({ id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));

async function run(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'serve':
      return serve(order.port, order.hosts);
    case 'connect':
      return open(order);
    case 'ask':
      return ask(order);
    case 'talk':
      return talk(kept[order.connection]!);
    case 'listen':
      return listen(kept[order.connection]!);
    case 'push':
      return push(order.port);
    case 'flood':
      return flood(order);
    case 'lookup':
      return lookUp(order);
    case 'scatter':
      return scatter(order);
    case 'received':
      return received.get(order.port) ?? 0;
  }
}

/** On all addresses, or on each of some, so that datagrams are answered from the address that was asked. */
async function serve(port: number, hosts: readonly string[] = []): Promise<void> {
  const clients = new Set<Socket>();
  served.set(port, clients);
  for (const host of hosts.length > 0 ? hosts : ['::']) await serveTcp({ port, host }, clients);
  const sockets = hosts.map((address) => ({ type: address.includes(':') ? 'udp6' : 'udp4', address }) as const);
  for (const socket of sockets.length > 0 ? sockets : ([{ type: 'udp4' }, { type: 'udp6' }] as const)) {
    await serveUdp(port, socket);
  }
}

async function serveTcp(at: { port: number; host: string }, clients: Set<Socket>): Promise<void> {
  const tcp = createServer((socket) => {
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      received.set(at.port, (received.get(at.port) ?? 0) + 1);
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve, reject) => tcp.on('error', reject).listen(at, resolve));
}

async function serveUdp(port: number, { type, address }: { type: 'udp4' | 'udp6'; address?: string }): Promise<void> {
  const udp = createSocket({ type, ipv6Only: type === 'udp6' });
  udp.on('message', (message, from) => {
    received.set(port, (received.get(port) ?? 0) + 1);
    if (message.length > 1) udp.send(message, from.port, from.address, () => undefined);
  });
  await new Promise<void>((resolve) => udp.bind(port, address, resolve));
}

function open({ host, port, from, keep }: Extract<Order, { do: 'connect' }>): Promise<unknown> {
  return new Promise((resolve) => {
    // Without delay, so that what is written leaves even while earlier answers are missing.
    const socket = connect({ host, port, noDelay: true, ...(from ? { localAddress: from } : {}) });
    const end = (answer: unknown) => {
      clearTimeout(timer);
      socket.removeAllListeners('error').on('error', () => undefined);
      if (!keep || answer === 'shut') socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end('shut'), waitMs);
    socket.on('error', () => end('shut'));
    socket.on('connect', () => end(keep ? kept.push(socket) - 1 : 'open'));
  });
}

function ask({ host, port, from, fromPort, broadcast }: Extract<Order, { do: 'ask' }>): Promise<string> {
  return new Promise((resolve) => {
    // Not where the port is anybody's: the kernel gives two sockets the same one, and the other gets the answer.
    const reuseAddr = fromPort !== undefined;
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', reuseAddr });
    const end = (answer: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end('shut'), waitMs);
    socket.on('error', () => end('shut'));
    socket.on('message', () => end('open'));
    socket.bind(fromPort ?? 0, from, () => {
      if (broadcast) socket.setBroadcast(true);
      socket.send('hello', port, host, (error) => error && end('shut'));
    });
  });
}

function talk(socket: Socket): Promise<string> {
  const answer = listen(socket);
  socket.write('hello');
  return answer;
}

/** Whether something came, or has come unheard. */
function listen(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('shut'), waitMs);
    socket.once('data', () => {
      clearTimeout(timer);
      resolve('open');
    });
  });
}

/** Sends something to the client that came last; the count of clients it was sent to. */
function push(port: number): number {
  const last = [...served.get(port)!].at(-1);
  last?.write('news');
  return last ? 1 : 0;
}

/** Sends one-byte datagrams to ever other ports, each a flow of its own; the count of those sent. */
async function scatter({ host, perSecond, ms }: Extract<Order, { do: 'scatter' }>): Promise<number> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => undefined);
  const began = performance.now();
  let sent = 0;
  for (let passed = 0; passed < ms; passed = performance.now() - began) {
    for (; sent < (passed * perSecond) / 1000; sent++) socket.send('x', 20_000 + (sent % 10_000), host);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  socket.close();
  return sent;
}

/** Sends one-byte datagrams as fast as the loop goes; the count of those sent. */
async function flood({ targets, port, ms }: Extract<Order, { do: 'flood' }>): Promise<number> {
  const sockets = { 4: createSocket('udp4'), 6: createSocket('udp6') };
  for (const socket of Object.values(sockets)) socket.on('error', () => undefined);
  let sent = 0;
  for (const end = performance.now() + ms; performance.now() < end;) {
    for (let burst = 0; burst < 20; burst++) {
      for (const target of targets) sockets[target.includes(':') ? 6 : 4].send('x', port, target, () => sent++);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const socket of Object.values(sockets)) socket.close();
  return sent;
}
