import { renderAddress } from '../../network/address.ts';
import { isAlive, type HostProcess } from './container-process.ts';
import { readStart } from './read-start.ts';

/** One socket of a container with an address. */
export interface Connection {
  /** As the kernel's table is named: `tcp`, `tcp6`, `udp`, `udp6`. */
  readonly protocol: ConnectionTable;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** As ss(8) names it. */
  readonly state: string;
  /** Numeric id of its user on the host. */
  readonly uid: number;
}

const tables = ['tcp', 'tcp6', 'udp', 'udp6'] as const;
type ConnectionTable = (typeof tables)[number];

/** How much of each table is read, in bytes: what is inside decides how long they are. */
const mostOfTable = 1_000_000;

/**
 * The sockets of a container, read through its own init: a table of the host's is never taken for one of the container's.
 * Not all of them where there are very many. Ones in namespaces that were made inside are not among them.
 *
 * @returns none when the container has ended
 * @see proc_pid_net(5), proc_net(5)
 */
export async function readConnections(init: HostProcess, signal: AbortSignal): Promise<readonly Connection[]> {
  const found: Connection[] = [];
  for (const table of tables) {
    signal.throwIfAborted();
    found.push(...parseConnections(table, await readStart(`/proc/${init.pid}/net/${table}`, mostOfTable)));
  }
  return isAlive(init) ? found : [];
}

/** Numbers of the kernel's enum in include/net/tcp_states.h, which udp uses as well. */
const states: Readonly<Record<string, string>> = {
  '01': 'ESTABLISHED',
  '02': 'SYN-SENT',
  '03': 'SYN-RECV',
  '04': 'FIN-WAIT-1',
  '05': 'FIN-WAIT-2',
  '06': 'TIME-WAIT',
  '07': 'UNCONN',
  '08': 'CLOSE-WAIT',
  '09': 'LAST-ACK',
  '0A': 'LISTEN',
  '0B': 'CLOSING',
  '0C': 'SYN-RECV',
};

const row = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+\s+(\d+)/;

/** Rows of a table as the kernel writes it, see proc_pid_net(5). Whatever is no row is left out. */
export function parseConnections(protocol: ConnectionTable, text: string): Connection[] {
  return text.split('\n').flatMap((line): Connection[] => {
    const [, local, localPort, remote, remotePort, state, uid] = row.exec(line) ?? [];
    if (local === undefined) return [];
    return [
      {
        protocol,
        localAddress: addressText(local),
        localPort: parseInt(localPort!, 16),
        remoteAddress: addressText(remote!),
        remotePort: parseInt(remotePort!, 16),
        state: states[state!] ?? state!,
        uid: Number(uid),
      },
    ];
  });
}

/** Addresses are words of 32 bits in the machine's own order, each written as a number: little-endian here. */
function addressText(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].toReversed());
  const isMapped = bytes.length === 16 && mapped.every((byte, at) => byte === bytes[at]);
  const own = isMapped ? bytes.slice(mapped.length) : bytes;
  return renderAddress({ family: own.length === 4 ? 4 : 6, value: BigInt(`0x${Buffer.from(own).toString('hex')}`) });
}

/** What stands before an IPv4 address in the place of one of version 6, see RFC 4291, 2.5.5.2. */
const mapped = [...Array.from({ length: 10 }, () => 0), 255, 255];
