import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { decode, encode, RECURSION_DESIRED } from 'dns-packet';

// Asks the server in argument 2 for the addresses of a name: one `NUMBER NAME` a line on stdin, and one
// `NUMBER ADDRESS MICROSECONDS` for each on stdout.

const waiting = new Map<number, { readonly number: string; readonly asked: bigint }>();
let id = 0;
const socket = createSocket('udp4');
socket.on('message', (message) => {
  const now = process.hrtime.bigint();
  const { id: answered = 0, answers = [] } = decode(message);
  const question = waiting.get(answered);
  const [answer] = answers;
  if (!question || answer?.type !== 'A') return;
  waiting.delete(answered);
  process.stdout.write(`${question.number} ${answer.data} ${(now - question.asked) / 1_000n}\n`);
});
socket.connect(53, process.argv[2], () => {
  process.stdout.write('ready\n');
  createInterface(process.stdin).on('line', (line) => {
    const [number = '', name = ''] = line.split(' ');
    id = (id + 1) % 0x1_0000;
    const questions = [{ type: 'A' as const, class: 'IN' as const, name }];
    const packet = encode({ type: 'query', id, flags: RECURSION_DESIRED, questions });
    waiting.set(id, { number, asked: process.hrtime.bigint() });
    socket.send(packet);
  });
});
