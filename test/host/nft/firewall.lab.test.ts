import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Problem } from '../../../src/base/problem.ts';
import { rulesetStates } from '../../../src/network/compare.ts';
import type { NftFirewall } from '../../../src/host/nft/firewall.ts';
import { runInNetwork } from '../../../src/host/link/in-network.ts';
import { loadBatch, problemOf } from '../../../src/host/nft/nft.ts';
import type { FirewallHint } from '../../../src/host/nft/watch.ts';
import { chooseEndpoint } from '../../../src/network/endpoint.ts';
import { openOn, rulesFor, uids } from './guarded.ts';
import { bridge, inside, NamedNamespace } from './world.ts';

let namespace: NamedNamespace;
let firewall: NftFirewall;
let hints: FirewallHint[];

const [one, two, three] = uids.map((uid) => ({ uid, endpoint: chooseEndpoint({ uid, bridge, taken: new Set() }) })) as [
  Place,
  Place,
  Place,
];
type Place = { uid: string; endpoint: ReturnType<typeof chooseEndpoint> };

const nft = (...command: string[]) => inside(namespace.host, 'nft', ...command);
const nothingDone = { reloaded: false, added: 0, removed: 0, reasons: [] };

beforeEach(async () => {
  namespace = await NamedNamespace.make();
  hints = [];
  firewall = await openOn(namespace, (hint) => hints.push(hint));
});

afterEach(async () => {
  await firewall[Symbol.asyncDispose]();
  await namespace[Symbol.asyncDispose]();
});

async function nextHint(after: number): Promise<FirewallHint> {
  for (let waited = 0; hints.length <= after; waited += 2) {
    if (waited > 2_000) throw new Error('no hint came');
    await delay(2);
  }
  return hints[after]!;
}

/** What was told, after notifications have had time to come. Own writes must not look like somebody else's. */
async function allHints(): Promise<readonly FirewallHint[]> {
  await delay(100);
  return hints;
}

describe('converge', () => {
  it('loads everything once and then does nothing', async () => {
    const rules = rulesFor('restricted', one, two);
    expect(await firewall.converge(rules)).toMatchObject({ reloaded: true, added: 40 });
    expect(await firewall.converge(rules)).toEqual(nothingDone);
    expect(await firewall.converge(rulesFor('restricted', one, two))).toEqual(nothingDone);
    await firewall.observe({ fresh: true });
    expect(await firewall.converge(rulesFor('restricted', one, two))).toEqual(nothingDone);
    expect(await allHints()).toEqual([]);
  });

  it('finds its own rules again after a restart, without a load', async () => {
    await firewall.converge(rulesFor('open', one));
    await using again = await openOn(namespace);
    expect(await again.converge(rulesFor('open', one))).toEqual(nothingDone);
  });

  it('changes only the elements of what changed', async () => {
    await firewall.converge(rulesFor('restricted', one, two));
    expect(await firewall.converge(rulesFor('restricted', one, two, three))).toMatchObject({
      reloaded: false,
      added: 20,
      removed: 0,
    });
    expect(await firewall.converge(rulesFor('restricted', two))).toMatchObject({
      reloaded: false,
      added: 0,
      removed: 40,
    });
    expect(await firewall.converge(rulesFor('none', two))).toMatchObject({ reloaded: false, added: 6, removed: 6 });
    await firewall.observe({ fresh: true });
    expect(await firewall.converge(rulesFor('none', two))).toEqual(nothingDone);
    expect(await allHints()).toEqual([]);
  });

  it('removes elements that somebody else put into our sets, with or without an owner', async () => {
    await firewall.converge(rulesFor('restricted', one));
    await nft('add element inet coi mode4 { 10.90.9.9 : goto open }');
    await nft('add element bridge coi who4 { "coi000000000000" . 10:66:6a:c0:09:09 . 10.90.9.9 comment "01JGONE" }');
    await nextHint(1);
    const observed = await firewall.observe();
    const states = rulesetStates(await firewall.expect(rulesFor('restricted', one)), observed);
    expect(states.orphans).toEqual(new Set([undefined, '01JGONE']));
    expect(await firewall.converge(rulesFor('restricted', one))).toMatchObject({
      reloaded: false,
      added: 0,
      removed: 2,
    });
    expect(await nft('list', 'map', 'inet', 'coi', 'mode4')).not.toContain('10.90.9.9');
  });

  it.each([
    ['a rule', 'insert rule inet coi forward accept'],
    ['a chain', 'add chain inet coi mine { type filter hook forward priority -200; policy accept; }'],
    ['a set', 'add set bridge coi mine { type ifname; }'],
    ['a wider range of a mode', 'add element inet coi mode4 { 10.90.9.9 : accept }'],
    ['a dropped rule of the guard', 'flush chain bridge coi guard'],
    ['a dropped set’s element', 'flush set inet coi box4'],
    ['a dropped generation', 'flush set inet coi generation'],
    ['a dropped chain', 'delete chain inet coi judge'],
    ['a dropped table', 'delete table bridge coi'],
    ['a dropped ruleset', 'flush ruleset'],
  ])('puts right what somebody else changed: %s', async (_, command) => {
    const rules = rulesFor('restricted', one, two);
    await firewall.converge(rules);
    const before = await withoutNumbers();
    await nft(command);
    expect(await withoutNumbers()).not.toBe(before);
    expect(await nextHint(0)).toMatchObject({ kind: 'changed', process: expect.stringContaining('nft') });
    const { reloaded, added, removed } = await firewall.converge(rules);
    expect(reloaded || added + removed > 0).toBe(true);
    expect(await withoutNumbers()).toBe(before);
    expect(await firewall.converge(rules)).toEqual(nothingDone);
  });

  it('never touches tables of others', async () => {
    await nft(
      'add table inet other; add chain inet other c { type filter hook forward priority 0; }; add rule inet other c counter accept',
    );
    const before = await nft('list', 'table', 'inet', 'other');
    await firewall.converge(rulesFor('open', one));
    await nft('delete', 'table', 'bridge', 'coi');
    // Before the news of it a change would be refused, and looked at again by whoever asked.
    await nextHint(0);
    await firewall.converge(rulesFor('open', one, two));
    await firewall.uninstall();
    expect(await nft('list', 'table', 'inet', 'other')).toBe(before);
    expect(await nft('list', 'tables')).toBe('table inet other');
  });
});

/** Both tables without what may differ: the order of objects and elements, counters, the generation. */
async function withoutNumbers(): Promise<string> {
  const tables = await Promise.all(
    ['inet', 'bridge'].map((family) => nft('-s', 'list', 'table', family, 'coi').catch(() => 'no such table')),
  );
  return tables
    .map((text) => text.replace(/set generation \{[^}]*\}/, 'set generation'))
    .map((text) =>
      text
        .split(/[\n,{}]+/)
        .map((line) => line.trim())
        .toSorted()
        .join('\n'),
    )
    .join('\n--\n');
}

describe('ensure and remove', () => {
  it('load the tables if they are missing, and keep what is there of others', async () => {
    await firewall.ensure(rulesFor('restricted', one));
    await firewall.ensure(rulesFor('open', two));
    expect(await firewall.converge(merged())).toEqual(nothingDone);
  });

  it('send what waits together as one batch', async () => {
    await firewall.converge(rulesFor('restricted'));
    const changes = await Promise.all([
      firewall.ensure(rulesFor('restricted', one)),
      firewall.ensure(rulesFor('open', two)),
      firewall.ensure(rulesFor('none', three)),
      firewall.remove([three.uid]),
    ]);
    expect(new Set(changes).size).toBeLessThanOrEqual(2);
    expect(await firewall.converge(merged())).toEqual(nothingDone);
  });

  it('replace what the owner had under another policy', async () => {
    await firewall.ensure(rulesFor('open', one));
    const { add, remove } = await firewall.ensure(rulesFor('none', one));
    expect([add.length, remove.length]).toEqual([6, 6]);
    expect(await firewall.converge(rulesFor('none', one))).toEqual(nothingDone);
  });

  it('remove every element of an owner and no other', async () => {
    await firewall.converge(rulesFor('restricted', one, two));
    expect((await firewall.remove([one.uid, 'unknown'])).remove).toHaveLength(20);
    expect(await firewall.converge(rulesFor('restricted', two))).toEqual(nothingDone);
  });

  it('refuse what cannot be enforced', async () => {
    const nowhere = { uid: one.uid, endpoint: { ...one.endpoint, ipv4: 'nowhere' } };
    await expect(firewall.ensure(rulesFor('open', nowhere))).rejects.toMatchObject({ code: 'network.policy' });
  });

  function merged() {
    const parts = [rulesFor('restricted', one), rulesFor('open', two)];
    const elements = new Map(
      [...parts[0]!.elements].map(([id, set]) => [id, new Map([...set, ...parts[1]!.elements.get(id)!])]),
    );
    return { ...parts[0]!, elements };
  }
});

describe('two writers', () => {
  it('cannot overwrite each other: the one that did not look is refused and changes nothing', async () => {
    await firewall.converge(rulesFor('restricted', one));
    const { generation } = await firewall.observe();
    await using other = await openOn(namespace);
    await other.converge(rulesFor('restricted', one, two));
    const after = await nft('list', 'ruleset');
    const stale = `delete element inet coi generation { ${generation} }\nflush map inet coi mode4\n`;
    const refused = loadBatch({ text: stale, fenceLines: 1 }, { namespace: namespace.host });
    await expect(refused).rejects.toMatchObject({ code: 'nft.conflict', retry: 'conflict' });
    expect(await nft('list', 'ruleset')).toBe(after);
  });

  it('with the same wish, end at it whoever loses each race', async () => {
    const writers = [firewall, await openOn(namespace), await openOn(namespace)];
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, async (_, index) =>
        writers[index % 3]!.converge(rulesFor('open', one, index % 2 ? two : three)),
      ),
    );
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Problem] : []));
    expect(refusals.filter(({ code }) => code !== 'nft.conflict')).toEqual([]);
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
    await firewall.observe({ fresh: true });
    await firewall.converge(rulesFor('open', one));
    await Promise.all(writers.slice(1).map((writer) => writer[Symbol.asyncDispose]()));
    await firewall.observe({ fresh: true });
    expect(await firewall.converge(rulesFor('open', one))).toEqual(nothingDone);
  });
});

it('does not take what it wrote for all that is there, when somebody else wrote after it had looked', async () => {
  const rules = (round: number) => rulesFor(round % 2 === 0 ? 'open' : 'restricted', one);
  await firewall.converge(rules(0));
  for (let round = 1; round <= 20; round += 1) {
    // Whoever is in doubt looks first, which takes a while.
    await nft('add', 'element', 'inet', 'coi', 'dns4', '{ 10.90.9.9 }');
    await allHints();
    const flushed = delay(round).then(() => nft('flush', 'chain', 'inet', 'coi', 'judge'));
    await firewall.ensure(rules(round)).catch((error: Problem) => {
      if (error.code !== 'nft.conflict') throw error;
    });
    await flushed;
    await allHints();
    await firewall.converge(rules(round));
    expect(await nft('list', 'chain', 'inet', 'coi', 'judge')).toContain('goto refuse');
  }
});

describe('watch', () => {
  it('tells of a deleted chain', async () => {
    await firewall.converge(rulesFor('restricted', one));
    await nft('delete', 'chain', 'inet', 'coi', 'forward');
    expect(await nextHint(0)).toMatchObject({ kind: 'changed', scope: 'rules' });
  });

  it('says nothing of other tables', async () => {
    await firewall.converge(rulesFor('restricted', one));
    await nft('add table ip coi; add table inet coiling; delete table ip coi; delete table inet coiling');
    expect(await allHints()).toEqual([]);
  });

  it('tells when it listens again, because what was looked at meanwhile may have changed since', async () => {
    await firewall.converge(rulesFor('restricted', one));
    const { stdout } = await runInNetwork({ command: ['pgrep', '--exact', 'nft', '--parent', String(process.pid)] });
    const monitors = await Promise.all(stdout.trim().split('\n').map(isInNamespace));
    process.kill(
      monitors.find((pid) => pid !== undefined)!,
      'SIGSEGV',
    );
    expect(await nextHint(0)).toMatchObject({ kind: 'gap', what: expect.stringContaining('ended') });
    await firewall.observe();
    expect(await nextHint(1)).toMatchObject({ kind: 'gap', what: expect.stringContaining('again') });
    await firewall.observe();
    expect(firewall.loaded()).toBeDefined();
  });

  async function isInNamespace(pid: string): Promise<number | undefined> {
    const [own, other] = await Promise.all([stat(`/run/netns/${namespace.host}`), stat(`/proc/${pid}/ns/net`)]);
    return own.ino === other.ino ? Number(pid) : undefined;
  }
});

describe('addresses for a while', () => {
  const element = { set: 'web4', key: `${one.endpoint.ipv4} . 203.0.113.77`, uid: one.uid } as const;

  it.each([true, false])('are there for the time that was asked last (taken for new: %s)', async (isNew) => {
    await firewall.converge(rulesFor('allowlist', one));
    await firewall.allow([{ ...element, seconds: 60, isNew: true }]);
    await firewall.allow([{ ...element, seconds: 6_000, isNew }]);
    const listing = await nft('-j', 'list', 'set', 'inet', 'coi', 'web4');
    expect(listing).toContain('"timeout": 6000');
    expect(listing).toContain(one.uid);
  });
});

describe('without a usable nft', () => {
  it('says what is missing', async () => {
    const call = { namespace: namespace.host };
    await expect(loadBatch({ text: 'nonsense\n', fenceLines: 0 }, call)).rejects.toMatchObject({
      code: 'nft.refused',
      message: expect.stringContaining('syntax error'),
    });
    const absent = 'add table inet t\nadd chain inet t c\nadd rule inet t c jump nowhere\n';
    await expect(loadBatch({ text: absent, fenceLines: 0 }, call)).rejects.toMatchObject({ code: 'nft.unsupported' });
    expect(await nft('list', 'tables')).toBe('');
  });

  it('says so when it may not', async () => {
    const probe = await runInNetwork({
      command: ['setpriv', '--reuid=65534', '--clear-groups', 'nft', 'list', 'tables'],
    });
    expect(problemOf(probe, 0)).toMatchObject({ code: 'nft.permission', hint: expect.stringContaining('root') });
  });
});
