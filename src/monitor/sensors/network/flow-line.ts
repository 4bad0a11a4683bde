import { parseAddress, renderAddress } from '../../../network/address.ts';
import { marks } from '../../../network/marks.ts';

/** What a line of the kernel log says about a new flow. */
export interface LoggedFlow {
  readonly uid: string;
  /** As nft names it. */
  readonly proto: string;
  readonly source: string;
  readonly address: string;
  readonly port?: number;
  readonly verdict: 'passed' | 'refused';
}

/** What the kernel writes after a prefix of ours: see nf_log_syslog.c, and nft(8), "log statement". */
const ours = /^coi-(flow|deny|odd) ([0-9A-Z]{26}) IN=[^ ]* OUT=/;
const protoNames: Readonly<Record<string, string>> = { ICMPv6: 'ipv6-icmp' };

/** Reads a line that rules of ours left; undefined for every other one. */
export function parseFlowLine(text: string): LoggedFlow | undefined {
  const [prefix, word, uid] = ours.exec(text) ?? [];
  return prefix === undefined || uid === undefined
    ? undefined
    : flowOf(text.slice(prefix.length), { uid, isPassed: word === 'flow', isEither: word === 'odd' });
}

interface Prefix {
  readonly uid: string;
  readonly isPassed: boolean;
  /** The packet's mark says whether it passed. */
  readonly isEither: boolean;
}

function flowOf(text: string, { uid, isPassed, isEither }: Prefix): LoggedFlow | undefined {
  // An ICMP error quotes the packet that it is about.
  const [packet = '', quoted = ''] = text.split(' [', 2);
  const source = addressAt(packet, 'SRC');
  const address = addressAt(packet, 'DST');
  const proto = fieldAt(packet, 'PROTO');
  if (source === undefined || address === undefined || proto === undefined) return undefined;
  const port = fieldAt(packet, 'DPT');
  return {
    uid,
    source,
    address,
    proto: protoNames[proto] ?? proto.toLowerCase(),
    ...(port !== undefined && { port: Number(port) }),
    verdict: isPassed || (isEither && hasPassed(packet + quoted)) ? 'passed' : 'refused',
  };
}

function fieldAt(text: string, name: string): string | undefined {
  return new RegExp(` ${name}=([0-9A-Za-z]+)`).exec(text)?.[1];
}

function addressAt(text: string, name: string): string | undefined {
  const [, found = ''] = new RegExp(` ${name}=([0-9a-f:.]+)`).exec(text) ?? [];
  const address = parseAddress(found);
  return address && renderAddress(address);
}

/** The rules mark what they let through, and the kernel writes the mark. */
function hasPassed(text: string): boolean {
  return (Number(fieldAt(text, 'MARK') ?? 0) & marks.passed) !== 0;
}
