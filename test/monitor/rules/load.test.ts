import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderProblem } from '../../../src/base/problem.ts';
import { loadRules } from '../../../src/monitor/rules/load-rules.ts';
import { patternFault } from '../../../src/monitor/rules/pattern.ts';
import { readRules } from '../../../src/monitor/rules/read-rules.ts';
import { exec, idsOf, ruleText, sandbox } from './judged.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coi-rules-'));
});
afterEach(() => rm(directory, { recursive: true }));

const write = (name: string, text: string) => writeFile(join(directory, name), text);
const load = () => loadRules({ directories: [directory] });
const messages = (text: string) => readRules('x.toml', text, false).problems.map(renderProblem);
const rest = 'event = "exec"\nwhen.program.is = "tool"\ncause = []';

describe('rules of one’s own', () => {
  it('need no directory', async () => {
    const { rules, problems } = await loadRules({ directories: [join(directory, 'none')] });
    expect(problems).toEqual([]);
    expect(rules.rules.length).toBeGreaterThan(100);
  });

  it('add, replace and change', async () => {
    await write('a.toml', ruleText(rest, 'own.rule'));
    await write('b.toml', ruleText(rest, 'shell.netcat-exec'));
    const change = '[change."tool.scanner"]\nenabled = false\n[change."tool.tunnel"]\nseverity = "info"\n';
    await write('c.toml', `${change}exception = [{ reason = "Ours", when.words.is = "ours" }]`);
    const { rules, problems } = await load();
    expect(problems).toEqual([]);
    const judge = (...words: string[]) => rules.judge(exec(words), sandbox());
    expect(idsOf(judge('tool'))).toEqual(['own.rule', 'shell.netcat-exec']);
    expect(judge('nc', '-e', 'sh')).toEqual([]);
    expect(judge('nmap')).toEqual([]);
    expect(judge('ngrok', 'http')).toMatchObject([{ rule: { id: 'tool.tunnel', severity: 'info' } }]);
    expect(judge('ngrok', 'ours')).toEqual([]);
  });

  it('let a sandbox switch on what is off for all others', async () => {
    await write('a.toml', '[change."tool.scanner"]\nenabled = false');
    const { rules } = await load();
    const monitoring = { rules: { 'tool.scanner': { enabled: true } } };
    expect(idsOf(rules.judge(exec(['nmap']), sandbox(monitoring)))).toEqual(['tool.scanner']);
  });

  it('that are wrong leave all others as they were', async () => {
    await write(
      'a.toml',
      `${ruleText(rest, 'own.rule')}${ruleText('event = "exec"\nwhen.x.is = 1\ncause = []', 'tool.scanner')}`,
    );
    await write('b.toml', 'not toml');
    await write('c.toml', '[change."tool.scaner"]\nenabled = false');
    await write('d.toml', '[change."tool.scanner"]\nexception = [{ reason = "x", when.port.is = 1 }]');
    const { rules, problems } = await load();
    expect(idsOf(rules.judge(exec(['tool']), sandbox()))).toEqual(['own.rule']);
    expect(idsOf(rules.judge(exec(['nmap']), sandbox()))).toEqual(['tool.scanner']);
    const places = problems.map(({ position }) => `${position!.file.slice(directory.length + 1)}:${position!.line}`);
    expect(places).toEqual(['a.toml:21', 'b.toml:1', 'c.toml:1', 'd.toml:2']);
    expect(problems[2]!.hint).toBe('Did you mean "tool.scanner"?');
  });

  it('are not taken from files that everybody may write, or that are none', async () => {
    await write('a.toml', ruleText(rest));
    await chmod(join(directory, 'a.toml'), 0o666);
    await symlink(directory, join(directory, 'b.toml'));
    await write('c.toml.bak', 'not toml');
    const { rules, problems } = await load();
    expect(rules.judge(exec(['tool']), sandbox())).toEqual([]);
    expect(problems.map(({ code }) => code)).toEqual(['source.world-writable', 'source.not-a-file']);
  });
});

describe('what is wrong with a rule is said with its place', () => {
  it.each([
    ['severity = "hihg"', 'x.toml:9:12', '"high"'],
    ['event = "exex"', 'x.toml:9:9', '"exec"'],
    ['progam = 1', 'x.toml:9:1', 'rule[0].progam is not a known key'],
  ])('%s', (line, place, hint) => {
    const text = ruleText(line).replace(line.startsWith('sev') ? 'severity = "high"\n' : /$/, '');
    const found = messages(text).join('\n');
    expect(found).toContain(line.startsWith('sev') ? place.replace('9', '8') : place);
    expect(found).toContain(hint);
  });

  it.each([
    ['when.progam.is = "x"', 'x.toml:10:6: rule[0].when.progam is no field\n  Did you mean "program"?'],
    ['when.port.is = 1', 'x.toml:10:6: rule[0].when.port is no field of events of the kind "exec"'],
    [
      'when.program.iss = "x"',
      'x.toml:10:14: rule[0].when.program.iss is no operator of this field\n  Did you mean "is"?',
    ],
    ['when.program.is = 3', 'x.toml:10:14: rule[0].when.program.is cannot be used\n  Give it a text'],
    [
      'when.any = [{ words.is = "a" }, { words.over = 3 }]',
      'x.toml:10:41: rule[0].when.any[1].words.over is no operator',
    ],
    ['when.any = []', 'x.toml:10:6: rule[0].when.any is no list'],
    ['when.word-count.over = "names"', 'Give it a number, or one of file_read_threshold_mb'],
    ['when.line.matches = "("', 'It is no regular expression'],
    ['when.line.matches = "(a+)+"', 'It repeats a group'],
    ['when = {}', 'rule[0].when is no condition'],
  ])('%s', (condition, wanted) => {
    const found = messages(ruleText(`event = "exec"\n${condition}\ncause = []`)).join('\n');
    expect(found).toContain(wanted);
  });

  it.each([
    [
      'exception = [{ reason = "x", when.parent.is = "sh" }]',
      'x.toml:11:35: rule[0].exception[0].when.parent cannot except anything',
    ],
    ['rate = { over = "nothing", seconds = 1 }', 'x.toml:11:10: rule[0].rate.over is unknown'],
    ['rate = { over = 1, seconds = 1, distinct = "nam" }', 'rule[0].rate.distinct is "nam"'],
    ['mitre = "1059"', 'x.toml:11:9: rule[0].mitre is "1059"'],
    ['id = "Own"', 'rule[0].id is "Own", but must be a subject and a name'],
    ['example = [{ matches = 1, event = {} }]', 'rule[0].example[0].matches is 1'],
  ])('%s', (line, wanted) => {
    const [key] = line.split(' ');
    const text = ruleText(`event = "exec"\nwhen.program.is = "x"\n${line}\ncause = []`);
    const first = text.indexOf(`\n${key} =`);
    const isTwice = text.indexOf(`\n${key} =`, first + 1) !== -1;
    const once = isTwice ? text.replace(new RegExp(`^${key} = .*$`, 'm'), '') : text;
    expect(messages(once).join('\n')).toContain(wanted);
  });

  it('and one that stands there twice', () => {
    const [problem, ...others] = messages(`${ruleText(rest)}${ruleText(rest)}`);
    expect(others).toEqual([]);
    expect(problem).toContain('x.toml:12:3: rule "test.rule" is in this file twice');
  });

  it('and a cause that is another each time', () => {
    const text = ruleText('event = "exec"\nwhen.program.is = "x"\ncause = ["program", "line"]');
    expect(messages(text)).toEqual([
      expect.stringContaining('x.toml:11:21: rule[0].cause[1] is "line", which is another each time'),
    ]);
  });
});

describe('regular expressions that could take long', () => {
  it.each([
    '(a+)+',
    '(a*)*',
    '(a|a)*',
    '(?:a|ab){2,}',
    '(.*a){20}',
    'a.*b.*c',
    '.*.*',
    String.raw`(a)\1`,
    '(?<=a+)b',
    '^.*.*$',
    '^a|.*x.*',
  ])('%s is refused', (source) => {
    expect(patternFault(source)).toBeTypeOf('string');
  });

  it.each([
    'abc',
    '^-[a-z]*e$',
    '[^/]{1,80}/x',
    String.raw`\b(?:ba|da)?sh\s{1,3}-i\b`,
    '(?i:token|secret)',
    '^(?:tcp|udp)$',
    'a{3}b',
  ])('%s is not', (source) => {
    expect(patternFault(source)).toBeUndefined();
  });

  it('and what is allowed gets through what is hostile', async () => {
    const { rules } = await loadRules({ directories: [] });
    const hostile = ['a', ' ', '|', '/', '-', 'sh ', 'env | ', '0<&', 'mkfifo ', '> ', '$(', '/dev/tcp/'].map((part) =>
      part.repeat(Math.ceil(20_000 / part.length)),
    );
    for (const text of hostile) {
      for (const program of ['bash', 'python3', 'nc', 'curl', 'dig'])
        rules.judge(exec([program, '-c', text]), sandbox());
    }
    expect(hostile).toHaveLength(12);
  });
});
