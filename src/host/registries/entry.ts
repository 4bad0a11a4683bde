import { parseAllowEntry, renderAllowEntry } from '../../network/allow-entry.ts';

/**
 * What a sandbox has to reach to use a URL, as an entry of `allowed_domains`; nothing for what is not fetched over HTTP, for
 * this host itself, and for what is no entry.
 */
export function entriesOf(url: string): string[] {
  if (!URL.canParse(url)) return [];
  const { protocol, host, hostname } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return [];
  if (/^(?:(?:.+\.)?localhost|127\..*|\[::1\])$/.test(hostname)) return [];
  const entry = parseAllowEntry(host);
  return typeof entry === 'string' ? [] : [renderAllowEntry(entry)];
}
