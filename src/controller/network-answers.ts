import { Problem } from '../base/problem.ts';
import { listLocalAddresses } from '../host/link/local-addresses.ts';
import { contains, parseAddress, parsePrefix } from '../network/address.ts';
import { allowEntries, renderAllowEntry } from '../network/allow-entry.ts';
import { parseAsked, renderDestination, type Asked } from '../network/destination.ts';
import { rulesInForce } from '../network/in-force.ts';
import { judge, judgeName, type Surroundings } from '../network/judge.ts';
import { judgementText, nothingAllowsText } from '../network/judgement-text.ts';
import { ledTo } from '../network/led-to.ts';
import type { NetworkPolicy } from '../network/policy.ts';
import type { NetworkRules } from '../network/rules.ts';
import { suggest, suggestName } from '../network/suggestion.ts';
import { activeOverrides } from '../plan/override.ts';
import type { Manifest } from '../spec/sandbox.ts';
import { unknownName } from './answer-looks.ts';
import type { Controller } from './controller.ts';
import { explainConnection, explainName, quarantined, type Explained } from './denial-text.ts';
import type { DenialWatch } from './denial-watch.ts';
import { knownNames } from './known-names.ts';
import type { NameDenials } from './name-denials.ts';
import type { DenialsReport, PolicyReport, PolicyTestReport } from './network-reports.ts';
import { policyOf } from './policies.ts';
import { reportPolicy } from './policy-report.ts';

/** What answering about networks needs. */
export interface NetworkAnswersInit {
  readonly controller: Controller;
  readonly watch: DenialWatch;
  readonly names: NameDenials;
  readonly lifetime: AbortSignal;
}

/** A sandbox that somebody asks about. */
interface Subject {
  readonly name: string;
  readonly manifest: Manifest | undefined;
  /** What is to hold; undefined while nothing of the sandbox exists. */
  readonly policy: NetworkPolicy | undefined;
  /** Why it is in quarantine. */
  readonly quarantine: string | undefined;
}

/** Answers what a sandbox may reach, what it could not reach, and why. */
export class NetworkAnswers {
  readonly #init: NetworkAnswersInit;

  constructor(init: NetworkAnswersInit) {
    this.#init = init;
  }

  /** @throws {Problem} `control.unknown-name`, and those of `nft.ts` */
  async denials({ name, since }: { readonly name: string; readonly since?: number }): Promise<DenialsReport> {
    const { watch, names } = this.#init;
    const subject = this.#find(name);
    const { policy } = subject;
    const rules = policy?.rules ?? subject.manifest?.sandbox.network ?? { mode: 'none' };
    const report = { name: subject.name, mode: rules.mode, ...quarantineOf(subject) };
    if (!policy) return { ...report, connections: [], names: [], packets: 0 };
    await watch.look();
    const by: Explained = {
      sandbox: subject.name,
      rules,
      around: await this.#around(policy.uid),
      isQuarantined: subject.quarantine !== undefined,
    };
    return {
      ...report,
      connections: watch
        .of(policy.uid)
        .filter(({ lastAt }) => since === undefined || lastAt >= since)
        .map((denial) => explainConnection(by, denial, names.nameOf(policy.uid, denial.to))),
      names: names
        .denials(policy.uid)
        .filter(({ last }) => since === undefined || last >= since)
        .map((denial) => explainName(by, denial)),
      packets: watch.packets().get(policy.uid) ?? 0,
    };
  }

  /** @throws {Problem} `control.unknown-name`, and those of `nft.ts` */
  async policy({ name }: { readonly name: string }): Promise<PolicyReport> {
    const { manifest, policy, ...subject } = this.#find(name);
    const { records } = this.#init.controller.firewall;
    const held = policy && { elements: await records.elements(policy.uid), timed: await records.timed(policy.uid) };
    return {
      ...reportPolicy({ name: subject.name, manifest, policy, bridge: this.#init.controller.policies.bridge, held }),
      ...quarantineOf(subject),
    };
  }

  /** @throws {Problem} `control.unknown-name`, `network.destination`, and those of `nft.ts` */
  async policyTest({ name, destination }: { name: string; destination: string }): Promise<PolicyTestReport> {
    const asked = parseAsked(destination);
    if (typeof asked === 'string') {
      throw new Problem({
        code: 'network.destination',
        message: `"${destination}" cannot be asked about`,
        hint: asked,
      });
    }
    const subject = this.#find(name);
    const told = { name: subject.name, destination: destinationText(asked) };
    if (isInside(asked, subject.policy)) {
      return { ...told, allowed: true, rule: 'inside', why: 'it never leaves the sandbox' };
    }
    if (subject.quarantine !== undefined) {
      return { ...told, allowed: false, rule: 'quarantine', ...quarantined(subject.name) };
    }
    const rules = await this.#rulesOf(subject);
    return { ...told, ...(await this.#judge(rules, subject, asked)) };
  }

  async #judge(
    rules: NetworkRules,
    { policy }: Subject,
    asked: Asked,
  ): Promise<Omit<PolicyTestReport, 'name' | 'destination'>> {
    const around = await this.#around(policy?.uid);
    const judgement = asked.kind === 'name' ? judgeName(rules, asked.name, asked) : judge(rules, around, asked);
    const why = judgementText(judgement);
    if (judgement.allowed) return { ...judgement, why };
    const allow = asked.kind === 'name' ? suggestName(rules, asked.name, asked) : suggest(rules, around, { to: asked });
    const remedy = allow ? { allow } : { nothing: nothingAllowsText(judgement, rules) };
    return { allowed: false, rule: judgement.rule, why, ...remedy };
  }

  /** What the kernel holds with the names of what is meant; what is meant alone while there is no instance. */
  async #rulesOf({ policy, manifest }: Subject): Promise<NetworkRules> {
    if (!policy) return manifest?.sandbox.network ?? { mode: 'none' };
    const held = rulesInForce(await this.#init.controller.firewall.records.elements(policy.uid));
    if (!held) return { mode: 'none' };
    if (!held.allowed) return held;
    const names = allowEntries(policy.rules.allowed).filter(({ kind }) => kind !== 'prefix');
    const named = Object.fromEntries(names.map((entry) => [renderAllowEntry(entry), true as const]));
    return { ...held, allowed: { ...held.allowed, ...named } };
  }

  async #around(uid: string | undefined): Promise<Surroundings> {
    const { controller, lifetime } = this.#init;
    const timed = uid === undefined ? [] : await controller.firewall.records.timed(uid);
    const host = await listLocalAddresses({ signal: lifetime });
    return { bridge: controller.policies.bridge, host, isLedTo: ledTo(timed) };
  }

  #find(asked: string): Subject {
    const { controller } = this.#init;
    const { instances, desired, policies } = controller;
    const known = knownNames(controller);
    const byInstance = desired.declaredAs(asked) ?? asked.replace(/^coi-/, '');
    const name = [asked, byInstance].find((each) => known.has(each));
    if (name === undefined) throw unknownName(asked);
    const seen = instances.ofSandbox(name).find(({ owner }) => owner.kind === 'owned' && !owner.isTombstone);
    const manifest = desired.manifests().get(name);
    if (!seen && !manifest) throw unknownName(asked);
    const overrides = activeOverrides(policies.overrides(name), undefined, policies.now());
    return {
      name,
      manifest,
      policy: seen && policyOf(policies, seen),
      quarantine: overrides.find(({ kind }) => kind === 'quarantine')?.reason,
    };
  }
}

function quarantineOf({ quarantine }: Pick<Subject, 'quarantine'>): { readonly quarantine?: string } {
  return quarantine === undefined ? {} : { quarantine };
}

function destinationText(asked: Asked): string {
  if (asked.kind === 'address') return renderDestination(asked);
  return `${asked.name}:${asked.port}${asked.proto === 'udp' ? '/udp' : ''}`;
}

const loopback = ['127.0.0.0/8', '::1'].map((text) => parsePrefix(text)!);

function isInside(asked: Asked, policy: NetworkPolicy | undefined): boolean {
  if (asked.kind === 'name') return asked.name === 'localhost';
  const own = [policy?.endpoint.ipv4, policy?.endpoint.ipv6].map((text) => text && parseAddress(text)?.value);
  return loopback.some((prefix) => contains(prefix, asked.address)) || own.includes(asked.address.value);
}
