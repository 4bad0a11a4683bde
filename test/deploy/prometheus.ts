import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { annotationQueries, dashboardQueries } from './dashboard.ts';
import { configFile, rulesFile } from './promtool.ts';

/** A rule as Prometheus evaluated it. */
interface EvaluatedRule {
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly lastError?: string;
  readonly state: string;
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** A running Prometheus that scrapes one controller with the configuration and the rules of deploy/. */
export interface Prometheus extends AsyncDisposable {
  readonly url: string;
  /** Samples of an instant query. @throws with Prometheus' own words when it refuses the query */
  query(expression: string): Promise<readonly Sample[]>;
  rules(): Promise<readonly EvaluatedRule[]>;
}

/**
 * Start a real Prometheus, with the committed configuration but for the target and shorter intervals, and wait until it has
 * scraped the target a few times and evaluated all rules.
 */
export async function startPrometheus(target: { readonly host: string; readonly port: number }): Promise<Prometheus> {
  const dir = await mkdtemp(join(tmpdir(), 'coi-prometheus-'));
  const config = (await readFile(configFile, 'utf8'))
    .replace("'127.0.0.1:9477'", `'${target.host}:${target.port}'`)
    .replaceAll(/_interval: 15s/g, '_interval: 1s');
  await writeFile(join(dir, 'prometheus.yml'), config);
  await copyFile(rulesFile, join(dir, 'coi.rules.yml'));
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const prometheus = new RunningPrometheus({ child, dir, url: `http://127.0.0.1:${port}` });
  try {
    await prometheus.settled();
    return prometheus;
  } catch (error) {
    await prometheus[Symbol.asyncDispose]();
    throw error;
  }
}

class RunningPrometheus implements Prometheus {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #dir: string;
  readonly #ended: Promise<unknown>;
  #said = '';

  constructor({ child, dir, url }: { child: ChildProcess; dir: string; url: string }) {
    this.url = url;
    this.#child = child;
    this.#dir = dir;
    this.#ended = Promise.race([once(child, 'exit'), once(child, 'error')]).catch((error: unknown) => {
      this.#said += String(error);
    });
    child.stderr?.on('data', (chunk) => (this.#said = (this.#said + String(chunk)).slice(-4_000)));
  }

  async settled(): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!(await this.#isSettled())) {
      if (this.#child.exitCode !== null || this.#child.pid === undefined || performance.now() > deadline) {
        throw new Error(`Prometheus does not scrape. Is it installed (test/deploy/install)? It said:\n${this.#said}`);
      }
      await delay(250);
    }
  }

  async #isSettled(): Promise<boolean> {
    try {
      const scrapes = await this.query('sum(sum_over_time(up{job="coi"}[1m]))');
      const rules = await this.rules();
      return (
        Number(scrapes[0]?.value[1] ?? 0) >= 3 && rules.length > 0 && rules.every(({ health }) => health !== 'unknown')
      );
    } catch {
      // It does not listen yet.
      return false;
    }
  }

  async query(expression: string): Promise<readonly Sample[]> {
    const { result } = await this.#get<{ result: readonly Sample[] }>('query', { query: expression });
    return result;
  }

  async rules(): Promise<readonly EvaluatedRule[]> {
    const { groups } = await this.#get<{ groups: readonly { rules: readonly EvaluatedRule[] }[] }>('rules', {});
    return groups.flatMap(({ rules }) => rules);
  }

  async #get<T>(what: string, parameters: Readonly<Record<string, string>>): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${what}?${new URLSearchParams(parameters).toString()}`);
    const reply = (await response.json()) as { status: string; error?: string; data: T };
    if (reply.status !== 'success') throw new Error(reply.error);
    return reply.data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** What is wrong with the alerts: those that Prometheus could not evaluate. Empty when all is well. */
export async function brokenAlerts(prometheus: Prometheus): Promise<string[]> {
  const broken: string[] = [];
  for (const { name, query, health, lastError } of await prometheus.rules()) {
    if (health !== 'ok') broken.push(`${name}: ${lastError ?? health}`);
    await prometheus.query(query).catch((error: unknown) => broken.push(`${name}: ${String(error)}`));
  }
  return broken;
}

/** Dashboard queries that Prometheus refuses, or that show nothing. Empty when every panel shows something. */
export async function unansweredQueries(prometheus: Prometheus): Promise<string[]> {
  const unanswered: string[] = [];
  const failed = (panel: string, reason: unknown) => void unanswered.push(`${panel}: ${String(reason)}`);
  for (const { panel, expression } of dashboardQueries()) {
    try {
      if ((await prometheus.query(expression)).length === 0) failed(panel, `nothing for ${expression}`);
    } catch (error) {
      failed(panel, error);
    }
  }
  for (const { panel, expression } of annotationQueries()) {
    await prometheus.query(expression).catch((error: unknown) => failed(panel, error));
  }
  return unanswered;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
