import assert from 'node:assert/strict';
import { Credentials } from '../../../server/api/auth.ts';

const minuteMs = 60_000;

describe('credentials', () => {
  let nowMs: number;
  let credentials: Credentials;
  beforeEach(() => {
    nowMs = 1_700_000_000_000;
    credentials = new Credentials('the-token', 'one', () => nowMs);
  });
  const session = (origin?: string) =>
    `slipway-one=${credentials.redeemTicket(credentials.issueTicket().ticket, origin)}`;

  it('know their token and nothing that only begins or ends like it', () => {
    assert.ok(credentials.isToken('Bearer the-token'));
    assert.ok(credentials.isToken('BEARER the-token'));
    for (const other of [
      '',
      'the-token',
      'Bearer',
      'Bearer the-toke',
      'Bearer the-tokenn',
      'Bearer  ',
      'Bearer the token',
    ]) {
      assert.ok(!credentials.isToken(other), other);
    }
  });

  it('refuse to be made with an empty token', () => {
    assert.throws(() => new Credentials('', 'one'));
  });

  it('exchange a ticket once', () => {
    const { ticket } = credentials.issueTicket();
    assert.ok(credentials.redeemTicket(ticket, undefined));
    assert.equal(credentials.redeemTicket(ticket, undefined), undefined);
  });

  it('exchange a ticket within five minutes', () => {
    const [early, late] = [credentials.issueTicket(), credentials.issueTicket()];
    assert.equal(early.expiresAt, nowMs + 5 * minuteMs);
    nowMs += 5 * minuteMs - 1;
    assert.ok(credentials.redeemTicket(early.ticket, undefined));
    nowMs += 1;
    assert.equal(credentials.redeemTicket(late.ticket, undefined), undefined);
  });

  it('keep a session for twelve hours', () => {
    const cookie = session();
    const found = credentials.session(cookie)!;
    nowMs += 12 * 60 * minuteMs - 1;
    assert.ok(credentials.session(cookie) && credentials.isValid(found));
    nowMs += 1;
    assert.equal(credentials.session(cookie), undefined);
    assert.ok(!credentials.isValid(found));
    assert.ok(credentials.isValid({ kind: 'token' }));
  });

  it('remember where a session was begun', () => {
    assert.equal(credentials.session(session('https://a.example'))?.origin, 'https://a.example');
    assert.equal(credentials.session(session())?.origin, undefined);
  });

  it('keep a bounded number of tickets and sessions, the newest', () => {
    const first = credentials.issueTicket().ticket;
    const oldest = session();
    for (let i = 0; i < 1000; i++) session();
    const newest = session();
    assert.equal(credentials.session(oldest), undefined);
    assert.ok(credentials.session(newest));
    for (let i = 0; i < 1000; i++) credentials.issueTicket();
    assert.equal(credentials.redeemTicket(first, undefined), undefined);
  });

  it('find their cookie among others, by its exact name', () => {
    const cookie = session();
    const value = cookie.split('=')[1];
    assert.ok(credentials.session(`a=1; ${cookie};b=2`));
    assert.ok(credentials.session(`slipway-one=planted; ${cookie}`));
    for (const other of [
      `slipway-two=${value}`,
      `Slipway-One=${value}`,
      `aslipway-one=${value}`,
      `slipway-one =${value}`,
      `"${cookie}"`,
    ]) {
      assert.equal(credentials.session(other), undefined, other);
    }
  });
});
