import { createSocket } from 'node:dgram';
import { decode, encode, AUTHORITATIVE_ANSWER } from 'dns-packet';

// The name server that the host asks. Argument 2 is its address. Whatever begins with "fresh" has another address each
// time, everything else always the same; nothing may be remembered.

let count = 0;
const socket = createSocket('udp4');
socket.on('message', (message, { address, port }) => {
  const { id = 0, questions = [] } = decode(message);
  const [question] = questions;
  if (!question) return;
  const data = question.name.startsWith('fresh') ? freshAddress() : '198.51.100.7';
  const answers = question.type === 'A' ? [{ type: 'A' as const, name: question.name, ttl: 0, data }] : [];
  socket.send(encode({ type: 'response', id, flags: AUTHORITATIVE_ANSWER, questions, answers }), port, address);
});
socket.bind(53, process.argv[2], () => process.stdout.write('ready\n'));

function freshAddress(): string {
  count += 1;
  return `192.0.${2 + (count >> 8)}.${count & 255}`;
}
