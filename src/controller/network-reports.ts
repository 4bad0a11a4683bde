import type { RuleName } from '../network/judge.ts';
import type { NetworkMode } from '../network/rules.ts';
import type { Suggestion } from '../network/suggestion.ts';
import type { NameDenial } from '../network/names/denied-name.ts';

/** What would let something through: a line of the manifest, or why there is none. Exactly one of both is there. */
export interface Remedy {
  readonly allow?: Suggestion;
  /** Why no line of a manifest allows it, as part of a sentence. */
  readonly nothing?: string;
}

/** Somewhere that a sandbox was not let through to. Times are RFC 3339. */
export interface ConnectionDenial extends Remedy {
  readonly address: string;
  /** As nft names it: `tcp`, `udp`, `icmp`, …, or a number. */
  readonly proto: string;
  readonly port?: number;
  /** The name whose answer the address was. */
  readonly name?: string;
  /** Packets. */
  readonly count: number;
  readonly first: string;
  readonly last: string;
  readonly rule: RuleName | 'quarantine' | 'allowed-now';
  readonly why: string;
}

/** A name that a sandbox was not told the addresses of. Times are RFC 3339. */
export interface RefusedName extends Remedy {
  readonly name: string;
  readonly type: string;
  readonly reason: NameDenial;
  readonly why: string;
  readonly count: number;
  readonly first: string;
  readonly last: string;
}

/** The answer to `coi why-denied`. Both lists begin with what was refused last. */
export interface DenialsReport {
  readonly name: string;
  /** What holds now; `none` in quarantine. */
  readonly mode: NetworkMode;
  /** Why it is in quarantine, where it is. */
  readonly quarantine?: string;
  readonly connections: readonly ConnectionDenial[];
  readonly names: readonly RefusedName[];
  /** Refused packets since the controller was started or the sandbox came to be, those without a record counted in. */
  readonly packets: number;
}

/** One key of the section `network`. */
export interface NetworkSettingReport {
  /** Below `network`: `mode`, `logging.path`. */
  readonly key: string;
  readonly value: unknown;
  readonly from: 'built-in' | 'settings' | 'profile' | 'manifest';
  readonly file?: string;
  readonly line?: number;
  /** Whether the mode takes note of it. */
  readonly used: boolean;
}

/** What the kernel holds for a sandbox. */
export interface InForce {
  readonly mode: NetworkMode;
  readonly local_network: boolean;
  readonly metadata: boolean;
  /** Who looks its names up: coi for an allowlist, else the bridge; nobody in mode none. */
  readonly names: 'allowlist' | 'bridge' | 'nobody';
  /** Entries of the allowlist that are addresses. */
  readonly addresses: readonly string[];
  /** Addresses that names led to, and for how long they stay open unless used. */
  readonly led_to: readonly { readonly destination: string; readonly seconds: number }[];
}

/** The answer to `coi policy`. */
export interface PolicyReport {
  readonly name: string;
  readonly uid?: string;
  readonly quarantine?: string;
  /** Absent while the kernel holds nothing for it: then nothing gets through. */
  readonly in_force?: InForce;
  /** Differences between what is meant and what the kernel holds, for people; empty when there are none. */
  readonly differs: readonly string[];
  /** What the layers say; absent where no manifest is known. */
  readonly settings?: readonly NetworkSettingReport[];
  readonly file?: string;
  readonly line?: number;
}

/** The answer to `coi policy test`. */
export interface PolicyTestReport extends Remedy {
  readonly name: string;
  /** In canonical form. */
  readonly destination: string;
  readonly allowed: boolean;
  readonly rule: RuleName | 'inside' | 'quarantine';
  readonly why: string;
  /** Entry of the allowlist that allows it. */
  readonly entry?: string;
  /** Whether the addresses that the name leads to have a say, too. */
  readonly depends_on_address?: true;
}
