// Signs up, in, refreshes and out with Supabase's own client; says what it saw as one line of JSON.
// node supabase_auth.mjs <url of GoTrue> <e-mail address> <password>
import { AuthClient } from "@supabase/auth-js";

const [url, email, password] = process.argv.slice(2);

function open() {
  return new AuthClient({ url, headers: { apikey: "anon", Authorization: "Bearer anon" }, autoRefreshToken: false });
}

function failure(error) {
  return error && { name: error.name, status: error.status, code: error.code, message: error.message };
}

const seen = {};
const client = open();
const events = [];
client.onAuthStateChange((event) => events.push(event));

const signUp = await client.signUp({ email, password, options: { data: { full_name: "Ada Lovelace" } } });
seen.signUp = { error: failure(signUp.error), user: signUp.data.user, hasSession: Boolean(signUp.data.session) };
seen.again = failure((await open().signUp({ email, password })).error);
seen.weak = failure((await open().signUp({ email: "weak@example.org", password: "short" })).error);
seen.anonymous = failure((await open().signInAnonymously()).error);

seen.wrong = failure((await open().signInWithPassword({ email, password: "a wrong password" })).error);
const signIn = await client.signInWithPassword({ email, password });
seen.signIn = { error: failure(signIn.error), id: signIn.data.user?.id };

seen.user = (await client.getUser()).data.user;
const claims = await client.getClaims();
seen.claims = { error: failure(claims.error), sub: claims.data?.claims.sub };
const updated = await client.updateUser({ data: { full_name: "Countess" } });
seen.updated = { error: failure(updated.error), metadata: updated.data.user?.user_metadata };

const first = (await client.getSession()).data.session;
const refreshed = await client.refreshSession();
seen.refreshed = {
  error: failure(refreshed.error),
  isNew: refreshed.data.session?.refresh_token !== first.refresh_token,
};
const stale = open();
seen.stale = failure((await stale.refreshSession({ refresh_token: "hsr_unknown" })).error);

const other = open();
await other.signInWithPassword({ email, password });
seen.signOut = failure((await client.signOut()).error);
seen.session = (await client.getSession()).data.session;
// The default ends every session of the person, wherever it is.
seen.otherUser = failure((await other.getUser()).error);
seen.events = events;
console.log(JSON.stringify(seen));
