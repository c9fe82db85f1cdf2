// Makes every call of the Node client; prints {call: null or the error that its callback got}.
// node node-calls.js MODULE HOST:PORT OPTIONS
const [module_, host, options] = process.argv.slice(2);
const { name, groups, awkward, ...config } = JSON.parse(options);
const Mixpanel = require(module_);
const client = Mixpanel.init('token', { host, protocol: 'http', keepAlive: false, ...config });
const outcomes = {};
const pending = [];

function call(what, make) {
  pending.push(new Promise((done) => {
    make(`mark-${name}-${what}`, (error) => {
      // Batches hand over a list of what went wrong.
      const wrong = [].concat(error || []).filter(Boolean);
      outcomes[what] = wrong.length ? String(wrong[0].message || wrong[0]) : null;
      done();
    });
  }));
}

const given = { 'näme': awkward || 'Zoë', list: [1, 2.5, null, { a: [] }] };
const people = client.people;
call('track', (mark, done) => client.track(mark, { ...given, distinct_id: 7 }, done));
call('track_date', (mark, done) => client.track(mark, { time: new Date() }, done));
call('track_batch', (mark, done) => client.track_batch(
  Array.from({ length: 60 }, (_, n) => ({ event: `${mark}${n}_of`, properties: given })), done));
call('alias', (mark, done) => client.alias('old', mark, done));
call('set', (mark, done) => people.set(mark, given, done));
call('set_one', (mark, done) => people.set(mark, 'plan', 'pro', { $ip: '1.2.3.4', $ignore_time: true }, done));
call('set_once', (mark, done) => people.set_once(mark, 'first', '2011-08-05', done));
call('increment', (mark, done) => people.increment(mark, 'logins', 2, done));
call('append', (mark, done) => people.append(mark, 'seen', 'report', done));
call('charge', (mark, done) => people.track_charge(mark, 9.5, { item: 'x' }, done));
call('clear', (mark, done) => people.clear_charges(mark, done));
call('remove', (mark, done) => people.remove(mark, { seen: 'report' }, done));
call('union', (mark, done) => people.union(mark, { tags: ['a', 'b'] }, done));
call('unset', (mark, done) => people.unset(mark, 'plan', done));
call('delete', (mark, done) => people.delete_user(mark, done));
if (groups) {
  call('group_set', (mark, done) => client.groups.set('company', mark, { plan: 'pro' }, done));
  call('group_set_once', (mark, done) => client.groups.set_once('company', mark, 'n', 1, done));
  call('group_remove', (mark, done) => client.groups.remove('company', mark, { tags: 'a' }, done));
  call('group_union', (mark, done) => client.groups.union('company', mark, { tags: ['a'] }, done));
  call('group_unset', (mark, done) => client.groups.unset('company', mark, 'plan', done));
  call('group_delete', (mark, done) => client.groups.delete_group('company', mark, done));
  call('import', (mark, done) => client.import(mark, new Date(2011, 7, 5), given, done));
  call('import_batch', (mark, done) => client.import_batch(
    Array.from({ length: 60 }, (_, n) => ({
      event: `${mark}${n}_of`, properties: { time: 1312502400 + n },
    })), done));
}
Promise.all(pending).then(() => process.stdout.write(JSON.stringify(outcomes)));
