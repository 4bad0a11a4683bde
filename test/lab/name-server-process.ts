import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { NameServer, type Manners } from './name-server.ts';

// Runs on a neighbour: argument 2 is its address. Reads one JSON line `{number, manners}` at a time, prints `done NUMBER`
// for each and one line `asked TYPE NAME` for every question.

const print = (line: string) => writeSync(1, `${line}\n`);
const [, , host = '127.0.0.1'] = process.argv;
const server = await NameServer.open(
  { zone: {} },
  { host, port: 53, onAsked: (question) => print(`asked ${question}`) },
);
for await (const line of createInterface(process.stdin)) {
  const { number, manners } = JSON.parse(line) as { number: number; manners: Manners };
  server.manners = manners;
  print(`done ${number}`);
}
