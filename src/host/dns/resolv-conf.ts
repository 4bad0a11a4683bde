import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { Problem } from '../../base/problem.ts';

/** Where a name server answers. `address` may carry a zone: `fe80::1%eth0`. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

const dnsPort = 53;
/** As many as the C library takes. */
const mostServers = 3;

/** The servers that a resolv.conf(5) names; without any, the host itself. */
export function parseResolvConf(text: string): Server[] {
  const addresses = [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].map(([, address]) => address!);
  const usable = addresses.filter((address) => isIP(address.split('%')[0]!) !== 0).slice(0, mostServers);
  return (usable.length > 0 ? usable : ['127.0.0.1']).map((address) => ({ address, port: dnsPort }));
}

/** Reads the host's servers, anew when the file has changed. */
export class HostServers {
  readonly #path: string;
  #seen: { readonly version: string; readonly servers: readonly Server[] } | undefined;

  constructor(path = '/etc/resolv.conf') {
    this.#path = path;
  }

  /** @throws Problem `dns.servers` when the file cannot be read and never could */
  async servers(): Promise<readonly Server[]> {
    try {
      const { mtimeNs, ino, size } = await stat(this.#path, { bigint: true });
      const version = `${ino} ${mtimeNs} ${size}`;
      if (this.#seen?.version !== version) {
        this.#seen = { version, servers: parseResolvConf(await readFile(this.#path, 'utf8')) };
      }
    } catch (cause) {
      // A network manager writes it anew: until it has, what it said before holds.
      if (!this.#seen) {
        const message = `The name servers of this host are not known: ${this.#path} cannot be read`;
        const hint = 'Name them there, as in resolv.conf(5).';
        throw new Problem({ code: 'dns.servers', message, hint, retry: 'backoff', cause });
      }
    }
    return this.#seen.servers;
  }
}
