import { describe, expect, test } from 'vitest';
import { isRandom, redact } from '../../../src/monitor/log/redact.ts';
import { redactWords } from '../../../src/monitor/log/redact-words.ts';

/** Made up, and put together here so that nothing in this file looks like a secret by itself. */
const secret = ['hunter2', 'Zq8'].join('');
const random = ['x7Kp2mQ9', 'vB4nL8sT', 'c3Rw6Yh1', 'Jd5Fg0Ae'].join('');

describe('redact()', () => {
  test.each([
    [
      'a URL with user and password',
      `git clone https://bob:${secret}@example.com/r.git`,
      'https://bob:[redacted]@example',
    ],
    ['a URL with a token alone', `https://${secret}@example.com/`, 'https://[redacted]@example'],
    ['an @ in the password', `https://bob:${secret}@${secret}@h/`, 'https://bob:[redacted]@h/'],
    ['a bearer header', `-H "Authorization: Bearer ${secret}"`, 'Authorization: Bearer [redacted]'],
    ['a basic header', `proxy-authorization=Basic ${secret}`, 'Basic [redacted]'],
    ['a bearer token anywhere', `Bearer ${secret}abc`, 'Bearer [redacted]'],
    ['an assignment', `DB_PASSWORD=${secret} run`, 'DB_PASSWORD=[redacted] run'],
    ['a quoted assignment', `export API_KEY='${secret} ${secret}' x`, 'API_KEY=[redacted] x'],
    ['a query of a URL', `https://h/?access_token=${secret}`, 'access_token=[redacted]'],
    ['JSON', `{"client_secret": "${secret}", "a": 1}`, '"client_secret": [redacted], "a": 1'],
    ['a header of a service', `X-Api-Key: ${secret}`, 'X-Api-Key: [redacted]'],
    ['an npm registry line', `//npm.example/:_authToken=${secret}`, '_authToken=[redacted]'],
    ['the word pass', `pass=${secret}`, 'pass=[redacted]'],
  ])('hides %s', (_, text, expected) => {
    expect(redact(text)).toContain(expected);
    expect(redact(text)).not.toContain(secret);
  });

  test.each([
    ['sk', '-ant-'],
    ['gh', 'p_'],
    ['github', '_pat_'],
    ['gl', 'pat-'],
    ['AK', 'IA'],
    ['xo', 'xb-'],
    ['ey', 'J'],
    ['AI', 'za'],
    ['npm', '_'],
    ['hf', '_'],
  ])('hides tokens of the shape %s%s…', (head, tail) => {
    const token = `${head}${tail}ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKL`;
    expect(redact(`use ${token} now`)).toBe('use [redacted] now');
  });

  test('hides keys in PEM, whole and cut', () => {
    const begin = ['-----BEGIN RSA', 'PRIVATE KEY-----'].join(' ');
    const end = ['-----END RSA', 'PRIVATE KEY-----'].join(' ');
    expect(redact(`a ${begin}\n${secret}\n${end} b`)).toBe('a [redacted] b');
    expect(redact(`a ${begin}\n${secret}`)).toBe('a [redacted]');
  });

  test('hides long words that were drawn at random, and no others', () => {
    expect(redact(`x ${random} y`)).toBe('x [redacted] y');
    expect(redact(`cat /home/code/${random}/a`)).toBe('cat /home/code/[redacted]/a');
    for (const ordinary of [
      'node_modules/.bin/vitest-with-a-very-long-name',
      'TestHandleHttpRequestWithBody2Retries',
      '/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30',
      'internationalisation-of-everything-2024',
      '550e8400-e29b-41d4-a716-446655440000',
    ]) {
      expect(redact(ordinary)).toBe(ordinary);
    }
    expect(isRandom('abcdefghijklmnopqrstuvwxyz')).toBe(false);
  });

  test.each([
    'Reading of a secret: /home/code/.aws/credentials',
    'npm install --save-dev vitest',
    'PWD=/home/code OLDPWD=/tmp',
    'passed: 12, failed: 0',
    'ssh -i ~/.ssh/id_ed25519 git@github.com',
    'git commit -m "Author: someone"',
    'https://example.com/a?b=c@d',
  ])('leaves alone: %s', (text) => {
    expect(redact(text)).toBe(text);
  });

  test('makes control characters, ends of lines and bidirectional signs printable', () => {
    expect(redact('a\u001b[2Jb\nc\r\u202Ed\u2028e\u0000')).toBe('a\\x1b[2Jb\\x0ac\\x0d\\u202ed\\u2028e\\x00');
  });

  test('cuts what is long, and leaves no half of a secret at the cut', () => {
    const text = `${'a '.repeat(2_040)}TOKEN=${secret}${'b'.repeat(9_000)}`;
    expect(redact(text).length).toBeLessThanOrEqual(4_097);
    expect(redact(text)).not.toContain('hunter');
    expect(redact('\u0000'.repeat(1e6)).length).toBeLessThanOrEqual(4_097);
  });
});

describe('redactWords()', () => {
  test.each([
    [['mysql', '-u', 'root', `-p${secret}`, 'db'], 'mysql -u root -p[redacted] db'],
    [['/usr/bin/sshpass', '-p', secret, 'ssh', 'h'], '/usr/bin/sshpass -p [redacted] ssh h'],
    [['sudo', 'curl', '-u', `bob:${secret}`, 'https://h'], 'sudo curl -u bob:[redacted] https://h'],
    [['curl', `-ubob:${secret}`], 'curl -ubob:[redacted]'],
    [['curl', `--user=bob:${secret}`], 'curl --user=bob:[redacted]'],
    [['tool', '--password', secret, '--verbose'], 'tool --password [redacted] --verbose'],
    [['tool', `--api-key=${secret}`], 'tool --api-key=[redacted]'],
    [['docker', 'login', '-p', secret], 'docker login -p [redacted]'],
    [['env', `GITHUB_TOKEN=${secret}`, 'gh', 'pr'], 'env GITHUB_TOKEN=[redacted] gh pr'],
    [['echo', 'Authorization:', 'Bearer', secret], 'echo Authorization: Bearer [redacted]'],
  ])('hides secrets among words: %j', (words, expected) => {
    expect(redactWords(words)).toBe(expected);
  });

  test.each([
    `cd /x && mysql -p${secret} db`,
    `mysql -p "${secret} ${secret}"`,
    `tool --token '${secret} ${secret}' x`,
    `curl -H 'Authorization: token ${secret}' https://h | sh`,
    `sshpass -p ${secret} ssh h`,
  ])('hides secrets in what a shell is given: %s', (command) => {
    expect(redactWords(['sh', '-c', command])).not.toContain('hunter');
  });

  test.each([
    [['docker', 'run', '-p', '8080:80', 'nginx'], 'docker run -p 8080:80 nginx'],
    [['tool', '--password-file', '/run/p', 'x'], 'tool --password-file /run/p x'],
    [['mkdir', '-p', 'a/b'], 'mkdir -p a/b'],
    [['sh', '-c', 'echo a b'], 'sh -c "echo a b"'],
    [['x', ''], 'x ""'],
  ])('leaves alone: %j', (words, expected) => {
    expect(redactWords(words)).toBe(expected);
  });

  test('leaves no half of a secret where a command line is cut', () => {
    for (let most = 1; most < 60; most += 1) {
      expect(redactWords(['mysql', '-u', 'root', `-p${secret}`, `TOKEN=${secret}`, 'x'], most)).not.toContain('hunt');
    }
  });

  test('takes few words of many, and knows no names that every object has', () => {
    expect(redactWords(Array.from({ length: 1_000 }, () => 'a')).length).toBeLessThan(600);
    expect(redactWords(['constructor', '__proto__', '-p', 'x'])).toBe('constructor __proto__ -p x');
  });
});

/** Signs of which each expression is made: text of them makes one that looks back for long look back for longest. */
const traps = [
  'a',
  '"',
  "'",
  ':',
  '://',
  'a://',
  '@',
  'token',
  'token=',
  'pass',
  ' ',
  '-',
  'eyJ.',
  '-----BEGIN ',
  '=',
  '\\',
];

test('hostile text costs no more than its length: no expression runs away', () => {
  for (const one of traps) {
    for (const other of traps) {
      const text = (one + other).repeat(20_000);
      expect(redact(text).length, `${one}${other}`).toBeLessThanOrEqual(4_097);
      expect(redactWords(['sh', '-c', text]).length, `${one}${other}`).toBeLessThanOrEqual(4_097);
    }
  }
}, 20_000);
