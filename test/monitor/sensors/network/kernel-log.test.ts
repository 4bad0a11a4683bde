import { describe, expect, it } from 'vitest';
import { KmsgParser, parseJournalLine } from '../../../../src/host/kernel-log/entries.ts';
import { parseFlowLine } from '../../../../src/monitor/sensors/network/flow-line.ts';

const uid = '01M81H2J3396VJTG9FA8FHPVSD';
const packet = (rest: string) =>
  `IN=coibr0 OUT= PHYSIN=coitg9fa8fhpvsd MAC=10:66:6a:84:9b:f0:10:66:6a:c0:3f:77:08:00 ${rest}`;
const tcp = packet(
  'SRC=10.90.63.119 DST=169.254.169.254 LEN=60 PROTO=TCP SPT=45876 DPT=443 SYN URGP=0 MARK=0x10000000 ',
);

describe('a line of the rules', () => {
  it.each([
    [`coi-deny ${uid} `, 'refused'],
    [`coi-flow ${uid} `, 'passed'],
    [`coi-odd ${uid} `, 'refused'],
  ])('%s', (prefix, verdict) => {
    const flow = { uid, proto: 'tcp', source: '10.90.63.119', address: '169.254.169.254', port: 443, verdict };
    expect(parseFlowLine(prefix + tcp)).toEqual(flow);
  });

  it('has passed when its packet carries the mark', () => {
    expect(parseFlowLine(`coi-odd ${uid} ${tcp.replace('0x1', '0x3')}`)).toMatchObject({ verdict: 'passed' });
  });

  it('has addresses in their usual form', () => {
    const line = packet(
      'SRC=fd42:0090:0000:0000:0000:0000:0000:0005 DST=2001:0db8:0113:0000:0000:0000:0000:0010 PROTO=ICMPv6 TYPE=128 CODE=0',
    );
    expect(parseFlowLine(`coi-flow ${uid} ${line}`)).toEqual({
      uid,
      proto: 'ipv6-icmp',
      source: 'fd42:90::5',
      address: '2001:db8:113::10',
      verdict: 'passed',
    });
  });

  it('says what the packet is, not the one that it quotes', () => {
    const quoted = packet(
      'SRC=10.90.0.5 DST=203.0.113.10 LEN=88 PROTO=ICMP TYPE=3 CODE=3 [SRC=203.0.113.10 DST=10.90.0.5 PROTO=UDP SPT=53 DPT=4444 ] MARK=0x30000000',
    );
    expect(parseFlowLine(`coi-odd ${uid} ${quoted}`)).toEqual({
      uid,
      proto: 'icmp',
      source: '10.90.0.5',
      address: '203.0.113.10',
      verdict: 'passed',
    });
  });

  it.each([
    ['of another program', `evil: coi-flow ${uid} ${tcp}`],
    ['of no uid', `coi-flow ../../etc ${tcp}`],
    ['without an address', `coi-flow ${uid} ${packet('SRC=10.90.0.5 DST=... PROTO=TCP')}`],
    ['that was cut', `coi-flow ${uid} ${packet('SRC=10.90.0.5 DST=203.0.113.10')}`],
    ['of nothing', ''],
  ])('%s is none', (_, text) => {
    expect(parseFlowLine(text)).toBeUndefined();
  });
});

describe('/dev/kmsg', () => {
  const now = () => 7;

  it('gives the text of records, and counts those that are missing', () => {
    const parser = new KmsgParser(now, 9);
    const record = (number: number, text: string) => parser.parse(`6,${number},100,-;${text}`);
    expect(record(8, 'old')).toEqual({});
    expect(record(10, 'one')).toEqual({ position: '10', line: { text: 'one', at: 7 } });
    expect(parser.parse(' SUBSYSTEM=net')).toEqual({});
    expect(record(14, String.raw`tab\x09`)).toEqual({ position: '14', lost: 3, line: { text: 'tab\t', at: 7 } });
    expect(record(15, 'x'.repeat(2_000))).toEqual({ position: '15' });
  });

  it('gives nothing that a program wrote there', () => {
    const parser = new KmsgParser(now, undefined);
    expect(parser.parse(`12,1,100,-;coi-flow ${uid} ${tcp}`)).toEqual({ position: '1' });
    expect(parser.parse('4,2,100,-,caller=T1;ours')).toMatchObject({ line: { text: 'ours' } });
  });
});

describe('the journal', () => {
  const entry = {
    __CURSOR: 's=1;i=2',
    __REALTIME_TIMESTAMP: '1795000000123456',
    SYSLOG_FACILITY: '0',
    MESSAGE: 'text',
  };

  it('gives the text of messages with their time', () => {
    const told = { position: 's=1;i=2', line: { text: 'text', at: 1_795_000_000_123 } };
    expect(parseJournalLine(JSON.stringify(entry))).toEqual(told);
  });

  it.each([
    ['no text', { ...entry, MESSAGE: [1, 2] }],
    ['too long', { ...entry, MESSAGE: 'x'.repeat(2_000) }],
    ['of a program', { ...entry, SYSLOG_FACILITY: '1' }],
  ])('leaves out what is %s', (_, other) => {
    expect(parseJournalLine(JSON.stringify(other))).toEqual({ position: 's=1;i=2' });
  });

  it.each(['', '{"MESS', 'null', '[]', '7'])('leaves out %j', (text) => {
    expect(parseJournalLine(text)).toEqual({});
  });
});
