import { decode, encode, RECURSION_DESIRED } from 'dns-packet';
import type { OptAnswer, Packet } from 'dns-packet';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readQuery, writeReply } from '../../../src/host/dns/wire.ts';

function query(change: Partial<Packet> = {}, name = 'Api.Example.test'): Buffer {
  const questions = [{ type: 'A' as const, name, class: 'IN' as const }];
  return encode({ type: 'query', id: 4_711, flags: RECURSION_DESIRED, questions, ...change });
}

const opt = (udpPayloadSize: number): OptAnswer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
});

describe('readQuery', () => {
  it('reads a question and what the asker can take', () => {
    expect(readQuery(query())).toMatchObject({
      id: 4_711,
      name: 'Api.Example.test',
      type: 'A',
      udpSize: 512,
      isExtended: false,
    });
    expect(readQuery(query({ additionals: [opt(4_096)] }))).toMatchObject({ udpSize: 1_232, isExtended: true });
    expect(readQuery(query({ additionals: [opt(100)] }))).toMatchObject({ udpSize: 512 });
  });

  const question = { type: 'A', name: 'a.test', class: 'IN' } as const;
  it.each<[string, Buffer]>([
    ['an answer', query({ type: 'response' })],
    ['two questions', query({ questions: [question, question] })],
    ['no question', query({ questions: [] })],
    ['records', query({ answers: [{ type: 'A', name: 'a.test', data: '203.0.113.1', ttl: 1 }] })],
    ['another class', query({ questions: [{ ...question, class: 'CH' }] })],
    ['another operation', query({ flags: 5 << 11 })],
    ['less than a header', Buffer.alloc(11)],
    ['a name that refers to itself', Buffer.concat([query().subarray(0, 12), Buffer.from('c00c00010001', 'hex')])],
    ['more than a question', Buffer.concat([query(), Buffer.alloc(2_000)])],
  ])('takes %s for none', (_, packet) => {
    expect(readQuery(packet)).toBeUndefined();
  });

  it('never throws, whatever comes, and its answer can be read', () => {
    const valid = query({ additionals: [opt(1_232)] });
    const mutated = fc
      .tuple(fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 }), fc.nat(valid.length))
      .map(([changes, length]) => {
        const copy = Buffer.from(valid);
        for (const [at, value] of changes) copy[at] = value;
        return copy.subarray(0, length);
      });
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
      mutated,
    );
    const replies = fc.constantFrom(
      { kind: 'absent' },
      { kind: 'addresses', addresses: ['203.0.113.1'], ttl: 1 },
    ) as fc.Arbitrary<Parameters<typeof writeReply>[1]>;
    fc.assert(
      fc.property(anything, replies, (packet, reply) => {
        const read = readQuery(packet);
        if (!read) return;
        const answer = writeReply(read, reply, read.udpSize);
        expect(answer.length).toBeLessThanOrEqual(read.udpSize);
        expect(decode(answer)).toMatchObject({ id: read.id, type: 'response', questions: [{ name: read.name }] });
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('writeReply', () => {
  const read = readQuery(query())!;

  it('repeats the question as it was asked and tells the addresses', () => {
    const answer = decode(writeReply(read, { kind: 'addresses', addresses: ['203.0.113.10'], ttl: 60 }, 512));
    expect(answer).toMatchObject({ id: 4_711, flag_ra: true, flag_rd: true, flag_tc: false });
    expect(answer.answers).toMatchObject([{ type: 'A', name: 'Api.Example.test', ttl: 60, data: '203.0.113.10' }]);
    const six = readQuery(
      query({ questions: [{ type: 'AAAA', name: 'a.test', class: 'IN' }], additionals: [opt(1_232)] }),
    )!;
    const other = decode(writeReply(six, { kind: 'addresses', addresses: ['2001:db8::10'], ttl: 1 }, 512));
    expect(other.answers).toMatchObject([{ type: 'AAAA', data: '2001:db8::10' }]);
    expect(other.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1_232 }]);
  });

  it.each([
    ['empty', 0],
    ['failed', 2],
    ['absent', 3],
    ['refused', 5],
  ] as const)('says %s by its code', (kind, code) => {
    expect((decode(writeReply(read, { kind }, 512)).flags ?? 0) & 0xf).toBe(code);
  });

  it('says so when not all addresses fit', () => {
    const addresses = Array.from({ length: 200 }, (_, index) => `203.0.113.${index}`);
    const small = decode(writeReply(read, { kind: 'addresses', addresses, ttl: 60 }, 512));
    expect(small.flag_tc).toBe(true);
    expect(small.answers?.length).toBe(29);
    const large = decode(writeReply(read, { kind: 'addresses', addresses, ttl: 60 }, 16_384));
    expect([large.flag_tc, large.answers?.length]).toEqual([false, 200]);
  });
});
