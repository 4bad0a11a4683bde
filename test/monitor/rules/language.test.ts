import { Facts } from '../../../src/monitor/rules/facts.ts';
import { describe, expect, it } from 'vitest';
import { event, exec, idsOf, ruleText, rulesOf, sandbox } from './judged.ts';

/** Whether a condition holds of an event. */
function holds(condition: string, of = exec(['/opt/bin/tool', 'one', 'two words']), kind: string = of.kind): boolean {
  const rules = rulesOf(ruleText(`event = "${kind}"\n${condition}\ncause = []`));
  return rules.judge(of, sandbox()).length > 0;
}

describe('a condition', () => {
  it.each([
    ['when.program.is = "tool"', true],
    ['when.program.is = "too"', false],
    ['when.program.one-of = ["x", "tool"]', true],
    ['when.executable.starts = "/opt/"', true],
    ['when.executable.ends = ["x", "/tool"]', true],
    ['when.words.contains = "wo wor"', true],
    ['when.words.is = "two"', false],
    ['when.words.is = "/opt/bin/tool"', false],
    ['when.word-1.is = "one"', true],
    ['when.word-2.is = "two words"', true],
    ['when.word-3.is = "x"', false],
    ['when.word-count.is = 3', true],
    ['when.word-count.over = 2', true],
    ['when.word-count.under = 3', false],
    ['when.line.contains-word = "two"', true],
    ['when.line.contains-word = "wo"', false],
    ['when.line.in-order = ["one", "two", "words"]', true],
    ['when.line.in-order = ["two", "one"]', false],
    ['when.line.matches = "^/opt.{1,40}s$"', true],
    ['when.words = { starts = "o", ends = "e" }', true],
    ['when.words = { starts = "o", ends = "words" }', false],
    ['when.nameless.is = false', true],
    ['when.truncated.is = true', false],
    ['when.user.is = 0', false],
    ['when.none = [{ program.is = "x" }, { words.is = "one" }]', false],
    ['when.none = [{ program.is = "x" }]', true],
    ['when.any = [{ program.is = "x" }, { words.is = "one" }]', true],
    ['when.all = [{ program.is = "tool" }, { words.is = "x" }]', false],
    ['when.program.is = "tool"\nwhen.words.is = "x"', false],
    ['when.program.is = "tool"\nexception = [{ reason = "x", when.words.is = "one" }]', false],
    ['when.program.is = "tool"\nexception = [{ reason = "x", when.words.is = "x" }]', true],
  ])('%s: %s', (condition, wanted) => {
    expect(holds(condition)).toBe(wanted);
  });

  it.each([
    ['public', '203.0.113.5', true],
    ['public', '192.168.1.1', false],
    ['public', '169.254.169.254', false],
    ['private', '10.1.2.3', true],
    ['private', 'fd00::1', true],
    ['private', 'fd00:ec2::254', false],
    ['metadata', '169.254.169.254', true],
    ['loopback', '127.0.0.1', true],
    ['203.0.113.0/24', '203.0.113.255', true],
    ['203.0.113.0/24', '203.0.114.1', false],
    ['2001:db8::/32', '2001:db8::1', true],
    ['public', 'no address', false],
  ])('that an address is in %s holds of %s: %s', (range, address, wanted) => {
    const flow = event('connection', { proto: 'tcp', source: '10.90.0.2', address, verdict: 'passed' });
    expect(holds(`when.address.in-range = "${range}"`, flow)).toBe(wanted);
  });

  it('knows a program by its path and by its first word, a login shell too', () => {
    expect(holds('when.program.is = "bash"', exec(['-bash'], { program: '/usr/bin/x' }))).toBe(true);
    expect(holds('when.program.is = "x"', exec(['-bash'], { program: '/usr/bin/x' }))).toBe(true);
    expect(holds('when.program.is = "x"', exec([], { program: '', name: 'x' }))).toBe(true);
  });

  it('knows what an interpreter was given to run', () => {
    expect(holds('when.script.is = "npm"', exec(['node', '/usr/bin/npm', 'ci']))).toBe(true);
    expect(holds('when.script.is = "npm"', exec(['cat', '/usr/bin/npm']))).toBe(false);
    expect(holds('when.script.is = "-c"', exec(['python3.12', '-c', 'x']))).toBe(false);
  });

  it('knows parents', () => {
    const parents = ['sh', 'claude'].map((name) => ({ pid: 1, ppid: 0, name, program: `/bin/${name}`, words: [name] }));
    expect(holds('when.parent.is = "claude"', exec(['x'], { parents }))).toBe(false);
    expect(holds('when.parents.is = "claude"', exec(['x'], { parents }))).toBe(true);
  });

  it('goes by the thresholds of the sandbox, of which 0 is none', () => {
    const rules = rulesOf(ruleText('event = "volume"\nwhen.read-mb.over = "file_read_threshold_mb"\ncause = []'));
    const seen = event('volume', { seconds: 2, readMb: 50, writtenMb: 0 });
    const judged = (thresholdMb: number) =>
      rules.judge(seen, sandbox({ read: { thresholdMb, mbPerSecond: 1 } })).length;
    expect([judged(49), judged(50), judged(0)]).toEqual([1, 0, 0]);
  });

  it('does not take signs of a hostile text for its own', () => {
    const hostile = ['$(x)', '`x`', '\u0000', '\u001B[2J', '__proto__', 'constructor', '\uD800', 'a'.repeat(200_000)];
    for (const word of hostile) expect(holds('when.line.matches = "nothing"', exec(['x', word]))).toBe(false);
    expect(holds('when.program.is = "y"', exec(['__proto__'], { program: 'constructor' }))).toBe(false);
  });
});

describe('a rate', () => {
  const names = (rate: string) =>
    rulesOf(ruleText(`event = "name"\nwhen.name-length.over = 0\ncause = []\nrate = ${rate}`));
  const name = (text: string, at = 0, uid = 'one') =>
    event('name', { name: text, type: 'A', result: 'answered', at: 1_700_000_000_000 + at, uid });
  const matched = (rules: ReturnType<typeof names>, events: readonly ReturnType<typeof name>[]) =>
    events.map((each) => rules.judge(each, sandbox({}, each.uid)).length);

  it('counts within a window that slides', () => {
    const rules = names('{ over = 2, seconds = 10 }');
    expect(
      matched(
        rules,
        [0, 1000, 2000, 10_500, 11_500].map((at) => name('a.example.net', at)),
      ),
    ).toEqual([0, 0, 1, 1, 1]);
    expect(
      matched(
        rules,
        [30_000, 39_000, 41_000].map((at) => name('a.example.net', at)),
      ),
    ).toEqual([0, 0, 0]);
  });

  it('counts sandboxes apart, and what it names', () => {
    const rules = names('{ over = 1, seconds = 10, per = ["domain"] }');
    const events = [name('a.one.net'), name('a.two.net'), name('a.one.net', 0, 'two'), name('b.one.net')];
    expect(matched(rules, events)).toEqual([0, 0, 0, 1]);
  });

  it('counts different values', () => {
    const rules = names('{ over = 1, seconds = 10, distinct = "name" }');
    expect(matched(rules, [name('a.net'), name('a.net'), name('b.net')])).toEqual([0, 0, 1]);
  });

  it('goes by the setting of the sandbox', () => {
    const rules = names('{ over = "dns_query_threshold", seconds = 60 }');
    const events = Array.from({ length: 101 }, (_, index) => name('a.net', index));
    expect(matched(rules, events).indexOf(1)).toBe(100);
  });

  it('forgets the longest idle of what a flood would fill it with', () => {
    const rules = names('{ over = 1, seconds = 3600, per = ["domain"] }');
    expect(matched(rules, [name('first.net')])).toEqual([0]);
    matched(
      rules,
      Array.from({ length: 5000 }, (_, index) => name(`n${index}.net`, 1)),
    );
    expect(matched(rules, [name('first.net', 2), name('first.net', 3)])).toEqual([0, 1]);
  });
});

describe('a match', () => {
  const text = ruleText('event = "exec"\nwhen.program.is = "tool"\ncause = ["program"]\nresponse = "alert"');
  const rules = rulesOf(text);
  const judged = (change: object) =>
    rules.judge(exec(['tool', '--count', '5']), sandbox({ rules: { 'test.rule': change } }));

  it('says what it is, and has a cause without amounts', () => {
    expect(judged({})).toMatchObject([
      {
        rule: { id: 'test.rule', severity: 'high', category: 'process', mitre: 'T1059', response: 'alert' },
        sensor: 'process',
        cause: 'test.rule tool',
        description: 'A test: tool --count 5',
      },
    ]);
  });

  it('is what the sandbox makes of it', () => {
    expect(judged({ enabled: false })).toEqual([]);
    expect(judged({ severity: 'info', response: 'log' })).toMatchObject([
      { rule: { severity: 'info', response: 'log' } },
    ]);
    expect(idsOf(rules.judge(exec(['tool']), sandbox({ rules: { other: { enabled: false } } })))).toEqual([
      'test.rule',
    ]);
  });

  it('is bounded, whatever was on the command line', () => {
    const [match] = rules.judge(exec(['tool', 'x'.repeat(100_000)]), sandbox());
    expect(match!.description.length).toBeLessThan(500);
    const [long] = rules.judge(exec(['tool'], { program: `/${'y'.repeat(4000)}` }), sandbox());
    expect(long!.cause.length).toBeLessThan(300);
  });

  it('asks of a name that is longer than any no more than once which rules concern it', () => {
    const facts = [300, 3_000].map((length) => new Facts(exec([`/bin/${'y'.repeat(length)}`]), sandbox()).names);
    expect(facts.flat().map(({ length }) => length)).toEqual([255, 255]);
  });

  it('tells the sensor', () => {
    const unseen = rulesOf(ruleText('event = "unseen"\nwhen.count.over = 0\ncause = ["sensor"]'));
    const [match] = unseen.judge(event('unseen', { sensor: 'network', count: 3 }), sandbox());
    expect(match).toMatchObject({ sensor: 'network', cause: 'test.rule network' });
  });
});
