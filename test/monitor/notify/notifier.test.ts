import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../../src/base/clock.ts';
import type { DesktopMessage } from '../../../src/host/notify/desktop.ts';
import { Notifier, type NotifierInit } from '../../../src/monitor/notify/notifier.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { detection, exec, matchOf } from '../log/detections.ts';

interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

let server: Server;
let url = '';
let posted: Posted[] = [];
/** What the server answers next; the last one from then on. */
let answers: (number | 'silence')[] = [200];
let told: unknown[] = [];
let ends: string[] = [];

beforeEach(async () => {
  posted = [];
  answers = [200];
  told = [];
  ends = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      posted.push({ headers: request.headers, body });
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      if (answer === 'silence') return request.socket.destroy();
      response.writeHead(answer, { location: `${url}elsewhere` }).end('x'.repeat(100_000));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/s3cr3t`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** A clock whose pauses are over at once. */
const hasty: Clock = { ...systemClock, sleep: async () => undefined };

function open({
  settings,
  ...more
}: Partial<Omit<NotifierInit, 'settings'>> & { settings?: Partial<NotifierInit['settings']> } = {}) {
  return new Notifier({
    settings: { webhook: url, webhookHeaderFile: undefined, level: 'warning', desktop: false, ...settings },
    host: 'h',
    clock: hasty,
    signal: new AbortController().signal,
    ownerOf: () => 1000,
    onEnd: (channel, outcome) => ends.push(`${channel} ${outcome}`),
    onProblem: (error) => told.push(error),
    ...more,
  });
}

describe('a webhook', () => {
  test('gets what was detected, once', async () => {
    await using notifier = open();
    const first = detection({ outcome: 'killed' });
    notifier.detected(first);
    notifier.detected(detection({ outcome: 'killed' }));
    notifier.detected(detection({ outcome: 'deduplicated' }));
    await notifier.idle();
    expect(posted).toHaveLength(1);
    expect(posted[0]?.headers['content-type']).toBe('application/json');
    expect(posted[0]?.body).toEqual({
      type: 'detection',
      host: 'h',
      timestamp: new Date(first.at).toISOString(),
      id: first.id,
      sandbox: 'web',
      uid: 'U1',
      container_name: 'coi-web',
      level: 'critical',
      category: 'process',
      rule: 'reverse-shell',
      mitre: 'T1059.004',
      title: 'Reverse shell',
      description: 'A shell that talks to the network',
      action: 'killed',
      text: 'coi: web: Reverse shell (critical, killed) A shell that talks to the network',
    });
    expect(ends).toEqual(['webhook sent']);
  });

  test('gets nothing of what was only logged, or is not bad enough', async () => {
    await using notifier = open({ settings: { level: 'high' } });
    notifier.detected(detection({ outcome: 'logged' }));
    notifier.detected(detection({ match: matchOf(exec(['x']), { severity: 'warning' }) }));
    await notifier.idle();
    expect(posted).toEqual([]);
  });

  test('gets the same thing again when more was done, when a quarantine was lifted, and after an hour', async () => {
    const clock = new FakeClock();
    await using notifier = open({ clock });
    const actions = async () => {
      await notifier.idle();
      return posted.map(({ body }) => body['action']);
    };
    notifier.detected(detection());
    notifier.detected(detection({ outcome: 'paused' }));
    notifier.detected(detection());
    expect(await actions()).toEqual(['alerted', 'paused']);
    const change = { uid: 'U1', sandbox: 'web', instance: 'coi-web', at: 0, why: 'somebody said so' };
    notifier.quarantined({ ...change, isSet: false });
    notifier.detected(detection());
    expect(await actions()).toEqual(['alerted', 'paused', 'lifted', 'alerted']);
    await clock.advance(3_599_000);
    notifier.detected(detection({ outcome: 'deduplicated' }));
    await clock.advance(3_599_000);
    notifier.detected(detection());
    expect(await actions()).toHaveLength(4);
    await clock.advance(3_601_000);
    notifier.detected(detection());
    notifier.quarantined({ ...change, isSet: true });
    expect(await actions()).toEqual(['alerted', 'paused', 'lifted', 'alerted', 'alerted', 'set']);
  });

  test('gets few messages of a sandbox that makes many, all that were acted on, and how many are missing', async () => {
    const clock = new FakeClock();
    await using notifier = open({ clock });
    const other = (n: number) => ({ ...matchOf(exec(['x'])), cause: `c${n}` });
    for (let n = 0; n < 90; n += 1) notifier.detected(detection({ match: other(n) }));
    notifier.detected(detection({ match: other(0), outcome: 'paused' }));
    notifier.detected(detection({ uid: 'U2', match: other(0) }));
    await notifier.idle();
    expect(posted).toHaveLength(12);
    expect(posted[10]?.body).toMatchObject({ action: 'paused', suppressed: 80 });
  });

  test('is sent no secret, control character, markup or mention that comes from inside', async () => {
    await using notifier = open();
    const hostile = 'a\u001b[31m\n<script>&amp; <!channel> @all [x](http://evil) \\u202e\u202E `TOKEN=hunter2` ';
    const match = { ...matchOf(exec([hostile]), { title: hostile }), description: hostile };
    notifier.detected(detection({ match, because: hostile, outcome: 'failed' }));
    notifier.quarantined({
      uid: 'U1',
      sandbox: hostile,
      instance: hostile,
      at: 0,
      isSet: true,
      why: hostile.repeat(99),
    });
    await notifier.idle();
    expect(posted).toHaveLength(2);
    for (const { body } of posted) {
      for (const text of Object.values(body).map(String)) {
        expect(text).not.toMatch(/[\p{Cc}\u202E<>&@`\\]|\]\(|:\/\/|hunter2/u);
        expect(text.length).toBeLessThan(3_000);
      }
    }
  });

  test('is tried again while the other side has trouble, and what waits arrives in order', async () => {
    answers = [503, 'silence', 429, 200];
    await using notifier = open();
    notifier.detected(detection());
    notifier.detected(detection({ outcome: 'paused' }));
    await notifier.idle();
    expect(posted.map(({ body }) => body['action'])).toEqual(['alerted', 'alerted', 'alerted', 'alerted', 'paused']);
    expect(ends).toEqual(['webhook sent', 'webhook sent']);
    expect(told).toHaveLength(1);
  });

  test.each([404, 401, 302])(
    'is given up at once with %i, told once, without what follows the origin',
    async (status) => {
      answers = [status];
      await using notifier = open();
      notifier.detected(detection());
      notifier.detected(detection({ outcome: 'paused' }));
      await notifier.idle();
      expect(posted).toHaveLength(2);
      expect(ends).toEqual(['webhook dropped', 'webhook dropped']);
      expect(told).toHaveLength(1);
      expect(told[0]).toMatchObject({ code: 'notify.refused' });
      expect(String(told[0])).not.toContain('s3cr3t');
    },
  );

  test('that nobody answers is given up after five tries', async () => {
    answers = ['silence'];
    await using notifier = open();
    notifier.detected(detection());
    await notifier.idle();
    expect(posted).toHaveLength(5);
    expect(ends).toEqual(['webhook dropped']);
    expect(String(told[0])).not.toContain('s3cr3t');
  });

  test('that is stuck holds a bounded number of messages, and ends with the signal', async () => {
    answers = [503];
    const stop = new AbortController();
    const clock = new FakeClock();
    await using notifier = open({ clock, signal: stop.signal });
    for (let n = 0; n < 500; n += 1) {
      notifier.quarantined({ uid: `U${n}`, sandbox: 'web', instance: 'coi-web', at: 0, isSet: true, why: 'w' });
    }
    await expect.poll(() => clock.armed).toBe(1);
    expect(ends).toHaveLength(400);
    stop.abort();
    await notifier.idle();
    expect(ends).toHaveLength(500);
    expect(new Set(ends)).toEqual(new Set(['webhook dropped']));
    expect(posted).toHaveLength(1);
  });

  describe('with a header', () => {
    let dir = '';
    let file = '';
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'coi-header-'));
      file = join(dir, 'header');
    });
    afterEach(() => rmSync(dir, { recursive: true }));

    test('sends it, as it is now', async () => {
      await using notifier = open({ settings: { webhookHeaderFile: file } });
      writeFileSync(file, 'X-Coi-Secret: one two\n', { mode: 0o600 });
      notifier.detected(detection());
      await notifier.idle();
      writeFileSync(file, 'X-Coi-Secret: three');
      notifier.detected(detection({ outcome: 'paused' }));
      await notifier.idle();
      expect(posted.map(({ headers }) => headers['x-coi-secret'])).toEqual(['one two', 'three']);
    });

    test.each([
      ['is not there', undefined, 0o600],
      ['others may read', 'X-Secret: hunter2', 0o644],
      ['has two lines', 'X-Secret: hunter2\r\nHost: evil', 0o600],
      ['is no header', 'hunter2', 0o600],
    ])('sends nothing when its file %s', async (_, text, mode) => {
      if (text !== undefined) writeFileSync(file, text, { mode });
      await using notifier = open({ settings: { webhookHeaderFile: file } });
      notifier.detected(detection());
      await notifier.idle();
      expect(posted).toEqual([]);
      expect(told).toMatchObject([{ code: 'notify.header' }]);
      expect(String(told[0])).not.toContain('hunter2');
    });
  });
});

describe('the desktop', () => {
  const shown: { readonly user: number; readonly message: DesktopMessage }[] = [];
  const show = async (user: number, message: DesktopMessage) => {
    shown.push({ user, message });
    return true;
  };
  beforeEach(() => {
    shown.length = 0;
  });

  test('of the owner shows it', async () => {
    await using notifier = open({ settings: { webhook: undefined, desktop: true }, show });
    notifier.detected(detection({ outcome: 'paused' }));
    notifier.quarantined({ uid: 'U1', sandbox: 'web', instance: 'coi-web', isSet: true, at: 0, why: 'the same' });
    await notifier.idle();
    expect(shown).toEqual([
      {
        user: 1000,
        message: {
          title: 'web: Reverse shell',
          body: 'A shell that talks to the network (paused)',
          urgency: 'critical',
        },
      },
    ]);
    expect(ends).toEqual(['desktop sent']);
  });

  test('shows nothing where a sandbox is nobody’s, and failing at it does not keep the webhook waiting', async () => {
    await using nobodys = open({ settings: { webhook: undefined, desktop: true }, show, ownerOf: () => undefined });
    nobodys.detected(detection());
    await nobodys.idle();
    expect(shown).toEqual([]);
    expect(ends).toEqual([]);
    const fail = async (): Promise<boolean> => {
      throw new Error('no desktop');
    };
    await using failing = open({ settings: { desktop: true }, show: fail });
    failing.detected(detection());
    await failing.idle();
    expect(ends.sort()).toEqual(['desktop dropped', 'webhook sent']);
  });
});
