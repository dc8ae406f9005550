import { describe, expect, it } from 'vitest';
import { HostError } from '../../../src/hosts/host.js';
import { parseDestination, parseJumps, shown } from '../../../src/hosts/ssh/destination.js';

const nothing = { user: undefined, port: undefined };

describe('a destination', () => {
  it.each([
    ['login1', { ...nothing, name: 'login1' }],
    ['  login1\n', { ...nothing, name: 'login1' }],
    ['login1.example.org:2222', { ...nothing, name: 'login1.example.org', port: 2222 }],
    ['me@login1', { ...nothing, user: 'me', name: 'login1' }],
    ['first.last+hpc_1-x@login_1:22', { user: 'first.last+hpc_1-x', name: 'login_1', port: 22 }],
    ['me@192.0.2.1:1', { user: 'me', name: '192.0.2.1', port: 1 }],
    ['::1', { ...nothing, name: '::1' }],
    ['::1:22', { ...nothing, name: '::1:22' }],
    ['me@fe80::1%eth0', { ...nothing, user: 'me', name: 'fe80::1%eth0' }],
    ['[::1]', { ...nothing, name: '::1' }],
    ['me@[2001:db8::7]:65535', { user: 'me', name: '2001:db8::7', port: 65535 }],
    ['[login1]:2222', { ...nothing, name: 'login1', port: 2222 }],
    ['ssh://me@login1:2222', { user: 'me', name: 'login1', port: 2222 }],
    ['ssh://[::1]:2222/', { ...nothing, name: '::1', port: 2222 }],
  ])('may be written %j', (text, destination) => {
    expect(parseDestination(text, 'host')).toEqual(destination);
  });

  it.each([
    ['-oProxyCommand=touch', 'the name of the machine begins with a -'],
    ['[-x]', 'the name of the machine begins with a -'],
    ['-x@login1', 'the user name begins with a -'],
    ['ssh://-x@login1', 'the user name begins with a -'],
    ['@login1', 'there is no user before the @'],
    ['me@', 'there is no name of a machine'],
    ['me@:22', 'there is no name of a machine'],
    ['me@realm@login1', 'there is more than one @'],
    ['me@login1:', 'the port is not a number from 1 to 65535'],
    ['login1:ssh', 'the port is not a number from 1 to 65535'],
    ['login1:0', 'the port is not a number from 1 to 65535'],
    ['login1:65536', 'the port is not a number from 1 to 65535'],
    ['login1:+22', 'the port is not a number from 1 to 65535'],
    ['login1:22:23', 'there is more than one :'],
    ['[::1:22', 'the [ of an address has no ]'],
    ['[::1]22', 'something other than :port follows it'],
    ['[1:2]:22', 'the text in brackets is not an IPv6 address'],
    ['fe80::1%$(id)', 'there is more than one :'],
    ['[fe80::1%$(id)]:22', 'the text in brackets is not an IPv6 address'],
    ['[fe80::1%eth0%eth1]:22', 'the text in brackets is not an IPv6 address'],
    ['ssh://login1/home', 'the name of the machine may only have'],
    ['scp://login1', 'the port is not a number'],
  ])('is refused with the part that is wrong: %j', (text, what) => {
    expect(() => parseDestination(text, 'host')).toThrow(HostError);
    expect(() => parseDestination(text, 'host')).toThrow(/^input 'host': /);
    expect(() => parseDestination(text, 'host')).toThrow(what);
  });

  const harmful = [...' \t\n\0\x1b;&|<>()$`\'"\\*?!#~{}=,%^/é\u202e'];

  it.each(harmful)('has nothing in its name that a shell or a terminal could take for its own: %j', (character) => {
    expect(() => parseDestination(`a${character}b`, 'host')).toThrow('the name of the machine may only have');
  });

  it.each(harmful)('has nothing in its user that a shell or a terminal could take for its own: %j', (character) => {
    expect(() => parseDestination(`a${character}b@login1`, 'host')).toThrow('the user name may only have');
  });

  it('is told as it was written, less what a terminal would obey, and not without end', () => {
    expect(() => parseDestination('a\x1b[2J', 'host')).toThrow(
      "input 'host': the name of the machine may only have letters, digits and . _ -, in 'a?[2J' (write it as [user@]name[:port])",
    );
    expect(() => parseDestination(`${'a'.repeat(100_000)}!`, 'host')).toThrow(/'a{100}\.\.\.'/);
  });

  it('without anything has no name', () => {
    expect(() => parseDestination(' ', 'host')).toThrow("input 'host': a machine has no name");
  });
});

describe('machines to jump over', () => {
  it('are separated by commas, in their order', () => {
    expect(parseJumps('me@gate:2222, ssh://inner ,[::1]:22', 'proxy-jump')).toEqual([
      { user: 'me', name: 'gate', port: 2222 },
      { ...nothing, name: 'inner' },
      { ...nothing, name: '::1', port: 22 },
    ]);
  });

  it('may be none', () => {
    expect(parseJumps(' ', 'proxy-jump')).toEqual([]);
  });

  it('have each a name', () => {
    expect(() => parseJumps('gate,,inner', 'proxy-jump')).toThrow("input 'proxy-jump': a machine has no name");
  });

  it('are refused if one of them is', () => {
    expect(() => parseJumps('gate,-x', 'proxy-jump')).toThrow("in '-x'");
  });
});

describe('a destination that is shown', () => {
  it.each(['login1', 'me@login1:22', 'me@[::1]:2222', '::1'])('is as a person writes it: %s', (text) => {
    expect(shown(parseDestination(text, 'host'))).toBe(text);
  });

  it('has the user who logs in, unless it names one', () => {
    expect(shown(parseDestination('login1', 'host'), 'you')).toBe('you@login1');
    expect(shown(parseDestination('me@login1', 'host'), 'you')).toBe('me@login1');
  });
});
