import { describe, expect, it } from 'vitest';
import { callNames } from '../../../src/host/bpftrace/program.ts';
import { Records } from '../../../src/host/bpftrace/record.ts';

const line = (data: string) => JSON.stringify({ type: 'printf', data });
const hex = (text: string) => [...Buffer.from(text)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
const namespace = 4_026_532_410;

function last(lines: readonly string[], records = new Records()) {
  return lines.map((each) => records.take(line(each))).at(-1);
}

describe('Records of bpftrace', () => {
  it('put a program together from its lines, whoever else speaks in between', () => {
    const words = 'sh\0-c\0ä b\0';
    const lines = [
      `P 7f 2 ${hex('xx/bin/sh\0rest')}`,
      `D 80 /etc/shadow`,
      `W 7f 0 ${hex(words.slice(0, 5))}`,
      `W 7f 1 ${hex(`z${words.slice(5)}PATH=/secret`)}`,
      'A 7f 5000000010',
      'A 7f 100000001',
      `E 7f ${namespace} 7f00000abc 1000000 ${Buffer.byteLength(words).toString(16)} 1b my name`,
    ];
    expect(last(lines)).toEqual({
      kind: 'trace',
      trace: {
        kind: 'exec',
        namespace,
        process: { pid: 0x7f, startedAt: String(0xabc) },
        user: 1_000_000,
        name: 'my name',
        ancestors: [
          { pid: 0x50, startedAt: '16' },
          { pid: 1, startedAt: '1' },
        ],
        path: '/bin/sh',
        words: ['sh', '-c', 'ä b'],
        areWordsCut: false,
        details: [],
        value: 0x1b,
        call: '',
        sockets: [0, 1],
        isNameless: true,
        isInit: true,
      },
    });
  });

  it('say that words are cut when the kernel has more of them', () => {
    const record = last([`W 1 0 ${hex('a\0bc')}`, `E 1 ${namespace} 100000001 0 ff 0 a`]);
    expect(record).toMatchObject({ trace: { words: ['a', 'bc'], areWordsCut: true } });
  });

  it('tell files, calls and descriptors', () => {
    const end = `${namespace} 100000001 0 0`;
    expect(last(['D 1 .ssh/id rsa', `F 1 ${end} 41 cat`])).toMatchObject({
      trace: { kind: 'file', details: ['.ssh/id rsa'], value: 0x41 },
    });
    expect(last([`S 1 ${end} 2 x`])).toMatchObject({ trace: { kind: 'stdio', value: 2 } });
    const unshare = callNames.indexOf('unshare');
    expect(last([`K 1 ${end} ${(0x10000000 * 256 + unshare).toString(16)} x`])).toMatchObject({
      trace: { kind: 'call', call: 'unshare', value: 0x10000000 },
    });
  });

  it('count what is missing', () => {
    const records = new Records();
    expect(records.take('{"type": "lost_events", "data": {"events": 12}}')).toEqual({ kind: 'lost', count: 12 });
    expect(last([`O 1 ${namespace} E 1f 257`])).toEqual({ kind: 'over', namespace, window: 'E 1f', count: 257 });
    expect(last(['R'])).toEqual({ kind: 'alive' });
  });

  it('pass over what is not ours', () => {
    const records = new Records();
    expect(records.take('{"type": "map", "data": {"@n": {}}}')).toBeUndefined();
    expect(records.take('{"type": "printf", "data": ')).toBeUndefined();
    expect(records.take('Attaching 3 probes...')).toBeUndefined();
  });

  it('forget what lost lines left behind', () => {
    const records = new Records();
    for (let thread = 1; thread <= 3_000; thread += 1) records.take(line(`D ${thread.toString(16)} left`));
    const end = ` ${namespace} 100000001 0 0 0 x`;
    expect(records.take(line(`F 1${end}`))).toMatchObject({ trace: { details: [] } });
    expect(records.take(line(`F bb8${end}`))).toMatchObject({ trace: { details: ['left'] } });
  });
});
