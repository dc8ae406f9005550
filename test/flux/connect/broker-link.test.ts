import { type Duplex, duplexPair } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BrokerLink } from '../../../src/flux/connect/broker-link.js';
import { ConnectionError } from '../../../src/flux/errors.js';
import { Handle } from '../../../src/flux/handle.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** What a try to connect comes to: a connection, or the system's word for why there is none. */
type Fate = 'up' | 'ECONNREFUSED' | 'ENOENT' | 'EPERM';

/** A link on a virtual clock, to a broker whose fate the test decides. */
class Trial {
  readonly clock = new VirtualClock(1_000_000);
  /** `12.3 up`, `12.3 down: why`, by the seconds since the beginning. */
  readonly told: string[] = [];
  /** When it was tried to connect, in milliseconds since the beginning. */
  readonly tries: number[] = [];
  fate: Fate = 'up';
  handles: Handle[] = [];
  onDown = () => {};
  readonly link: BrokerLink;
  readonly #peers: Duplex[] = [];

  constructor(patience = 60_000, refusedPatience = 5_000) {
    const tell = (line: string) => this.told.push(`${this.#now / 1000} ${line}`);
    this.link = new BrokerLink(
      {
        connect: async () => {
          this.tries.push(this.#now);
          const { fate } = this;
          if (fate === 'up') return this.#connection();
          throw new ConnectionError(fate, fate === 'EPERM' ? undefined : fate);
        },
        clock: this.clock,
        patience,
        refusedPatience,
      },
      {
        onUp: (handle) => {
          this.handles.push(handle);
          tell('up');
        },
        onDown: (reason) => {
          tell(`down: ${reason}`);
          this.onDown();
        },
        onGone: (reason) => tell(`gone: ${reason}`),
      },
    );
  }

  async start(): Promise<this> {
    this.link.start(await this.#connection());
    return this;
  }

  /** The broker's end of the present connection ends. */
  async cut(): Promise<void> {
    this.#peers.at(-1)!.end();
    await settle();
  }

  /** Goes on by so many milliseconds, in steps in which what is connected can become so. */
  async pass(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 50) {
      this.clock.advance(50);
      await settle(3);
    }
  }

  async #connection(): Promise<Handle> {
    const [own, peer] = duplexPair();
    this.#peers.push(peer);
    peer.resume();
    peer.on('error', () => {});
    peer.write(Buffer.of(0));
    return Handle.connect(own, this.clock);
  }

  get #now(): number {
    return this.clock.now() - 1_000_000;
  }
}

async function settle(turns = 20): Promise<void> {
  for (let i = 0; i < turns; i++) await turn();
}

describe('a link', () => {
  it('is up with the connection that it is given', async () => {
    const { told, clock } = await new Trial().start();
    expect(told).toEqual(['0 up']);
    expect(clock.pending).toBe(0);
  });

  it('connects again soon, and tells what happens', async () => {
    const trial = await new Trial().start();
    await trial.cut();
    expect(trial.told).toEqual(['0 up', '0 down: the broker closed the connection']);
    await trial.pass(100);
    expect(trial.told.slice(2)).toEqual(['0.1 up']);
    expect(trial.handles).toHaveLength(2);
    expect(trial.clock.pending).toBe(0);
  });

  it('tries ever more seldom, at last every five seconds', async () => {
    const trial = await new Trial().start();
    trial.fate = 'EPERM';
    await trial.cut();
    await trial.pass(30_000);
    const waits = trial.tries.map((time, i) => time - (trial.tries[i - 1] ?? 0));
    expect(waits.slice(0, 8)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    expect(trial.told).toEqual(['0 up', '0 down: the broker closed the connection']);
  });

  it('tries half as late or half as long again, by chance: not all at once', async () => {
    for (const [chance, first] of [
      [0, 50],
      [0.75, 125],
    ] as const) {
      const trial = await new Trial().start();
      trial.clock.chance = chance;
      await trial.cut();
      await trial.pass(200);
      expect(trial.tries).toEqual([first]);
    }
  });

  it('gives up when its patience is at an end', async () => {
    const trial = await new Trial().start();
    trial.fate = 'EPERM';
    await trial.cut();
    await trial.pass(59_000);
    expect(trial.told).toHaveLength(2);
    await trial.pass(10_000);
    expect(trial.told).toHaveLength(3);
    expect(trial.told[2]).toMatch(/^6\d(\.\d+)? gone: EPERM$/);
    expect(trial.clock.pending).toBe(0);
  });

  for (const fate of ['ECONNREFUSED', 'ENOENT'] as const) {
    it(`gives up sooner where nobody is: ${fate}`, async () => {
      const trial = await new Trial().start();
      trial.fate = fate;
      await trial.cut();
      await trial.pass(20_000);
      expect(trial.told[2]).toMatch(new RegExp(`^(5|6|7)(\\.\\d+)? gone: ${fate}$`));
    });
  }

  it('has patience with a broker that comes back in time', async () => {
    const trial = await new Trial().start();
    trial.fate = 'ECONNREFUSED';
    await trial.cut();
    await trial.pass(4000);
    trial.fate = 'up';
    await trial.pass(4000);
    expect(trial.told).toHaveLength(3);
    expect(trial.told[2]).toMatch(/ up$/);
  });

  it('does not lose count of its patience with connections that do not last', async () => {
    const trial = await new Trial().start();
    for (let i = 0; i < 200 && !trial.told.at(-1)!.includes('gone'); i++) {
      await trial.cut();
      await trial.pass(1000);
      while (/down/.test(trial.told.at(-1)!)) await trial.pass(50);
    }
    expect(trial.told.at(-1)).toMatch(/^6\d(\.\d+)? gone: the broker closed the connection$/);
  });

  it('begins anew after a connection that has held', async () => {
    const trial = await new Trial().start();
    for (let i = 0; i < 12; i++) {
      await trial.cut();
      // It is up soon each time, and not later and later.
      await trial.pass(100);
      expect(trial.told.at(-1)).toMatch(/ up$/);
      await trial.pass(10_000);
    }
    expect(trial.told.filter((line) => line.includes('gone'))).toEqual([]);
  });

  it('gives up a connection that is dropped for another', async () => {
    const trial = await new Trial().start();
    trial.link.drop('no answer');
    expect(trial.told).toEqual(['0 up', '0 down: no answer']);
    expect(trial.handles[0]!.isClosed).toBe(true);
    await trial.pass(100);
    expect(trial.told.at(-1)).toBe('0.1 up');
  });

  it('may begin with a connection that is lost already', async () => {
    const trial = new Trial();
    const handle = await (async () => {
      const [own, peer] = duplexPair();
      peer.write(Buffer.of(0));
      return Handle.connect(own, trial.clock);
    })();
    handle.close('gone already');
    trial.link.start(handle);
    expect(trial.told).toEqual(['0 up', '0 down: gone already']);
    await trial.pass(100);
    expect(trial.told.at(-1)).toBe('0.1 up');
  });
});

describe('a link that is closed', () => {
  it('tells nothing more, and has no connection', async () => {
    const trial = await new Trial().start();
    trial.link.close();
    await trial.pass(1000);
    expect(trial.told).toEqual(['0 up']);
    expect(trial.handles[0]!.isClosed).toBe(true);
    expect(trial.tries).toEqual([]);
  });

  it('does not connect again', async () => {
    const trial = await new Trial().start();
    await trial.cut();
    trial.link.close();
    await trial.pass(10_000);
    expect(trial.tries).toEqual([]);
    expect(trial.told).toHaveLength(2);
    expect(trial.clock.pending).toBe(0);
  });

  it('from within the news that it is down does not try again', async () => {
    const trial = await new Trial().start();
    trial.onDown = () => trial.link.close();
    await trial.cut();
    expect(trial.clock.pending).toBe(0);
    await trial.pass(10_000);
    expect(trial.tries).toEqual([]);
  });

  it('lets a connection go that comes too late', async () => {
    const trial = await new Trial().start();
    await trial.cut();
    trial.clock.advance(100);
    expect(trial.tries).toHaveLength(1);
    trial.link.close();
    await settle();
    expect(trial.told).toHaveLength(2);
    expect(trial.clock.pending).toBe(0);
  });
});
