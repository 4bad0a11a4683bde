import { everyMode, publicly, type Technique } from '../technique.ts';

const everywhere = ['internet', 'private', 'otherHost'] as const;

/** Identities that are not the sandbox's own. */
export const addresses: readonly Technique[] = [
  {
    name: 'own addresses, a port of the web on an allowed host',
    how: 'out(syn($_, 443)), out(syn($_, 80)), out(udp($_, 443)) for @allowed',
    arrives: { internet: everyMode },
    bare: ['internet'],
  },
  {
    name: 'own addresses, a host that no list names',
    how: 'out(syn($_, 443)), out(udp($_, 8080)) for @unlisted',
    arrives: { internet: publicly },
    bare: ['internet'],
  },
  {
    name: 'an added IPv4 address of the bridge',
    how: `out(udp($_, 443, from => at('10.90.201.201'))), out(syn($_, 443, from => at('10.90.201.201')))
      for grep { is4($_) } @anywhere, @host`,
    bare: [...everywhere, 'host'],
  },
  {
    name: 'an added IPv6 address of the bridge',
    how: `out(udp($_, 443, from => at('fd42:90::beef'))), out(syn($_, 443, from => at('fd42:90::beef')))
      for grep { !is4($_) } @anywhere, @host`,
    bare: [...everywhere, 'host'],
  },
  {
    name: 'an IPv4 source from elsewhere',
    how: `out(udp($_, 443, from => at('198.51.100.77'))) for grep { is4($_) } @anywhere, @host`,
    bare: [...everywhere, 'host'],
  },
  {
    name: 'an IPv6 source from elsewhere',
    how: `out(udp($_, 443, from => at('2001:db8:ffff::1'))) for grep { !is4($_) } @anywhere, @host`,
    bare: [...everywhere, 'host'],
  },
  {
    name: 'a sibling’s IPv4 address',
    how: 'out(udp($_, 443, from => $his4)), out(syn($_, 443, from => $his4)) for grep { is4($_) } @anywhere, @host',
    bare: [...everywhere, 'host'],
  },
  {
    name: 'a sibling’s IPv6 address',
    how: 'out(udp($_, 443, from => $his6)), out(syn($_, 443, from => $his6)) for grep { !is4($_) } @anywhere, @host',
    bare: [...everywhere, 'host'],
  },
  {
    name: 'a sibling’s hardware and IP addresses',
    how: `for my $to (@anywhere, @host) { out(udp($to, 443, from => is4($to) ? $his4 : $his6), mac => $hisMac) }`,
    bare: [...everywhere, 'host'],
  },
  {
    name: 'own addresses under another hardware address',
    how: `out(udp($_, 443), mac => hw('10:66:6a:c0:77:77')) for @anywhere, @host`,
    bare: [...everywhere, 'host'],
  },
  {
    name: 'a link-local IPv6 source to addresses of other links',
    how: 'out(udp($_, 443, from => $link6)) for grep { !is4($_) } @host',
    bare: ['host'],
  },
];
