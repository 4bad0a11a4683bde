import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../lab/lab.ts';
import type { Neighbour } from '../../lab/neighbour.ts';

/** A home page, a script to be piped into a shell, and something that only takes connections. */
const web = `
const { createServer } = require('node:http');
createServer((request, response) => response.end(request.url === '/install' ? 'echo installed' : 'hello')).listen(8080);
require('node:net').createServer((socket) => socket.end()).listen(5432, () => console.log('serving'));
`;

/** A host of the local network with a web server at 8080, a port of a database, and root's way in for one key. */
export async function openLan(lab: Lab): Promise<Neighbour> {
  const host = await lab.neighbour('otherHost');
  const running = host.spawn([process.execPath, '-e', web], { env: { NODE_OPTIONS: '' } });
  await running.printed(/serving/);
  return host;
}

/** Lets who holds a key in by ssh as root, who has a home of the lab's own. */
export async function admit(lab: Lab, host: Neighbour, publicKey: string): Promise<void> {
  const home = join(lab.dir, 'home-lan');
  await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  await writeFile(join(home, '.ssh/authorized_keys'), publicKey, { mode: 0o600 });
  const users = (await readFile('/etc/passwd', 'utf8')).replace(/^root:.*$/m, `root:x:0:0:root:${home}:/bin/sh`);
  await writeFile(join(lab.dir, 'passwd-lan'), users);
  // Only in the lab's own view of the file system.
  await lab.inside.output(['mount', '--bind', join(lab.dir, 'passwd-lan'), '/etc/passwd']);
  const key = join(lab.dir, 'host-key');
  await lab.inside.output(['dropbearkey', '-t', 'ed25519', '-f', key]);
  const server = host.spawn(['dropbear', '-F', '-E', '-s', '-p', '22', '-r', key, '-P', join(lab.dir, 'dropbear.pid')]);
  await server.printed(/Not backgrounding/);
}

const forwarder = `
const { connect, createServer } = require('node:net');
const [, host, port] = process.argv;
createServer((from) => {
  const to = connect(port, host);
  for (const each of [from, to]) each.on('error', () => (from.destroy(), to.destroy()));
  from.pipe(to).pipe(from);
}).listen(port, () => console.log('serving'));
`;

/** Has the lab's own host hand what comes in at a port on to a sandbox: nothing reaches one from outside otherwise. */
export async function forward(lab: Lab, to: { readonly host: string; readonly port: number }): Promise<void> {
  const argv = [process.execPath, '-e', forwarder, to.host, String(to.port)];
  await lab.spawn(argv, { env: { NODE_OPTIONS: '' } }).printed(/serving/);
}

/** The lab's own address on the way to that host. */
export const gateway = '192.168.55.1';
