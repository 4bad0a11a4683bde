import type { Clock } from '../../base/clock.ts';
import { showOnDesktop } from '../../host/notify/desktop.ts';
import { Webhook } from '../../host/notify/webhook.ts';
import type { Settings } from '../../spec/settings.ts';
import type { DetectionEntry } from '../detection-sink.ts';
import { compareSeverity } from '../severity.ts';
import { Delivery } from './delivery.ts';
import { ofDetection, ofQuarantine, type Message, type QuarantineChange } from './message.ts';
import { Told } from './told.ts';

/** What a {@link Notifier} is made from. */
export interface NotifierInit {
  readonly settings: Settings['notifications'];
  /** Name of this machine. */
  readonly host: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Numeric id of the user of this host whose sandbox it is; undefined where nobody's. Must not throw. */
  readonly ownerOf: (uid: string) => number | undefined;
  /** A notification arrived, or was given up. Must not throw. */
  readonly onEnd: (channel: 'webhook' | 'desktop', outcome: 'sent' | 'dropped') => void;
  /** Told once when notifications begin to fail. Must not throw. */
  readonly onProblem: (error: unknown) => void;
  /** In place of {@link showOnDesktop}. */
  readonly show?: typeof showOnDesktop;
}

/**
 * Tells people and programs outside what was detected and done: once for each thing, and never so much that nobody looks
 * any more. Nothing waits for it.
 */
export class Notifier implements AsyncDisposable {
  readonly #init: NotifierInit;
  readonly #told = new Told();
  readonly #webhook: Webhook | undefined;
  readonly #deliveries: readonly Delivery<Message>[];

  constructor(init: NotifierInit) {
    const { webhook, webhookHeaderFile: headerFile, desktop } = init.settings;
    this.#init = init;
    this.#webhook =
      webhook === undefined
        ? undefined
        : new Webhook({ url: webhook, ...(headerFile !== undefined && { headerFile }) });
    this.#deliveries = [
      ...(this.#webhook ? [this.#byWebhook(this.#webhook)] : []),
      ...(desktop ? [this.#onDesktop(init.show ?? showOnDesktop)] : []),
    ];
  }

  /** Something was detected. Told when it is bad enough and new. Never throws. */
  detected(entry: DetectionEntry): void {
    const { settings, host, clock } = this.#init;
    if (compareSeverity(entry.match.rule.severity, settings.level) < 0) return;
    const suppressed = this.#told.takes(entry, clock.monotonic());
    if (suppressed !== undefined) this.#send(ofDetection(host, entry, suppressed));
  }

  /** A quarantine was set or lifted. What the sandbox does after it was lifted is news again. Never throws. */
  quarantined(change: QuarantineChange): void {
    if (!change.isSet) this.#told.forget(change.uid);
    this.#send(ofQuarantine(this.#init.host, change));
  }

  /** Resolves when all that was told has arrived or was given up. */
  async idle(): Promise<void> {
    for (const delivery of this.#deliveries) await delivery.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#webhook?.[Symbol.asyncDispose]();
  }

  #send(message: Message): void {
    for (const delivery of this.#deliveries) delivery.add(message);
  }

  #byWebhook(webhook: Webhook): Delivery<Message> {
    return this.#delivery('webhook', async (message, signal) => {
      await webhook.post(message, signal);
      return true;
    });
  }

  #onDesktop(show: typeof showOnDesktop): Delivery<Message> {
    return this.#delivery('desktop', async ({ type, uid, sandbox, title, description, level, action }) => {
      const user = this.#init.ownerOf(uid);
      // What a rule did is on the desktop already, with what it was for.
      if (user === undefined || (type === 'quarantine' && action === 'set')) return false;
      const urgency = level === 'critical' || level === 'high' ? 'critical' : 'normal';
      return show(user, { title: `${sandbox}: ${title}`, body: `${description} (${action})`, urgency });
    });
  }

  #delivery(channel: 'webhook' | 'desktop', send: (message: Message, signal: AbortSignal) => Promise<boolean>) {
    const { clock, signal, onProblem } = this.#init;
    const onEnd = (outcome: 'sent' | 'dropped' | 'nobody') => {
      if (outcome !== 'nobody') this.#init.onEnd(channel, outcome);
    };
    return new Delivery<Message>({ clock, signal, send, onEnd, onProblem });
  }
}
