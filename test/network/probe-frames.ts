import { parseAddress } from '../../src/network/address.ts';
import type { Destination } from '../../src/network/destination.ts';

/** Who sends, and the bridge that it hands its frames to. */
export interface Sender {
  readonly mac: string;
  readonly gateway: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** Reads frames in hexadecimal, one a line, and puts them on the link with this index. See packet(7). */
export const perlSender = String.raw`
use Socket;
socket(my $out, 17, SOCK_RAW, 0) or die "socket: $!";
my $link = pack('S n i S C C a8', 17, 3, $ARGV[0], 0, 0, 6, '');
while (my $line = <STDIN>) {
  chomp $line;
  defined(send($out, pack('H*', $line), 0, $link)) or die "send: $!";
  select(undef, undef, undef, 0.01) if $. % 50 == 0;
}
`;

const numbers: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58 };

/** The first packet of a flow to a destination, as a frame in hexadecimal. `flow` makes it one of its own. */
export function firstFrame(sender: Sender, to: Destination, flow: number): string {
  const { family } = to.address;
  const from = addressBytes(family === 4 ? sender.ipv4 : sender.ipv6);
  const target = numberBytes(to.address.value, family === 4 ? 4 : 16);
  const number = numbers[to.proto]!;
  const payload = payloadOf(to, flow, sender.mac);
  // IPv6 and TCP, UDP count addresses, length and protocol in; ICMP for IPv4 alone does not.
  const pseudo =
    to.proto === 'icmp'
      ? Buffer.alloc(0)
      : Buffer.concat([from, target, numberBytes(BigInt(payload.length), 4), numberBytes(BigInt(number), 4)]);
  payload.writeUInt16BE(sum(Buffer.concat([pseudo, payload])), { tcp: 16, udp: 6 }[to.proto] ?? 2);
  const header = family === 4 ? header4({ from, target, number, payload }) : header6({ from, target, number, payload });
  const macs = Buffer.from(`${sender.gateway}${sender.mac}`.replaceAll(':', ''), 'hex');
  return Buffer.concat([macs, numberBytes(family === 4 ? 0x0800n : 0x86ddn, 2), header, payload]).toString('hex');
}

function payloadOf({ proto, port = 0 }: Destination, flow: number, mac: string): Buffer {
  // A DHCP client asks from its own port.
  const source = proto === 'udp' && port === 67 ? 68 : 1_024 + (flow % 60_000);
  if (proto === 'tcp') {
    const segment = Buffer.alloc(20);
    segment.writeUInt16BE(source, 0);
    segment.writeUInt16BE(port, 2);
    segment.writeUInt32BE(flow + 1, 4);
    // Length of the header, and SYN.
    segment.writeUInt16BE(0x5002, 12);
    segment.writeUInt16BE(64_240, 14);
    return segment;
  }
  const message = Buffer.concat([
    Buffer.alloc(8),
    proto === 'udp' && port === 67 ? leaseRequest(mac) : Buffer.alloc(4),
  ]);
  if (proto === 'udp') {
    message.writeUInt16BE(source, 0);
    message.writeUInt16BE(port, 2);
    message.writeUInt16BE(message.length, 4);
  } else {
    message.writeUInt8(proto === 'icmp' ? 8 : 128, 0);
    message.writeUInt16BE(flow % 65_536, 4);
  }
  return message;
}

/** What a DHCP client begins with: it asks for itself, has no address yet and knows of no relay. See RFC 2131. */
function leaseRequest(mac: string): Buffer {
  const request = Buffer.alloc(240);
  // A request, over Ethernet.
  request.write('010106', 'hex');
  request.write(mac.replaceAll(':', ''), 28, 'hex');
  return request;
}

interface Packet {
  readonly from: Buffer;
  readonly target: Buffer;
  readonly number: number;
  readonly payload: Buffer;
}

function header4({ from, target, number, payload }: Packet): Buffer {
  const header = Buffer.from('450000000000000040000000', 'hex');
  const whole = Buffer.concat([header, from, target]);
  whole.writeUInt16BE(20 + payload.length, 2);
  whole.writeUInt8(number, 9);
  whole.writeUInt16BE(sum(whole), 10);
  return whole;
}

function header6({ from, target, number, payload }: Packet): Buffer {
  const header = Buffer.from('6000000000000040', 'hex');
  header.writeUInt16BE(payload.length, 4);
  header.writeUInt8(number, 6);
  return Buffer.concat([header, from, target]);
}

/** Checksum of RFC 1071; the field itself is still zero. */
function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += (bytes[at]! << 8) + (bytes[at + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff || 0xffff;
}

function addressBytes(text: string): Buffer {
  const { value, family } = parseAddress(text)!;
  return numberBytes(value, family === 4 ? 4 : 16);
}

function numberBytes(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
}
