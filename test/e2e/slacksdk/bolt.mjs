// @slack/bolt, as its manual has it.

import bolt from '@slack/bolt';
import { card, ended, env, modal, say, settled, tooShort } from './card.mjs';

const app = new bolt.App({
  token: env.bot,
  appToken: env.app,
  socketMode: true,
  logLevel: bolt.LogLevel.ERROR,
  clientOptions: { slackApiUrl: env.api },
});

app.action('approve', async ({ ack, body, action, client, respond }) => {
  await ack();
  await client.chat.update({ channel: body.channel.id, ts: body.message.ts, ...settled('Approved') });
  await respond({ text: 'Noted', response_type: 'ephemeral', replace_original: false });
  say('approved', { value: action.value, note: 200 });
});

app.action('reason', async ({ ack, body, client }) => {
  await ack();
  const view = modal(`${body.channel.id}|${body.message.ts}`);
  const opened = await client.views.open({ trigger_id: body.trigger_id, view });
  say('opened', { view: opened.view.id });
});

app.view('reason', async ({ ack, view, client }) => {
  const why = view.state.values.why.text.value;
  if (why.length < 5) {
    await ack(tooShort);
    return;
  }
  await ack();
  const [channel, ts] = view.private_metadata.split('|');
  await client.chat.update({ channel, ts, ...settled(`Denied: ${why}`) });
  say('denied', { why });
});

app.message(async ({ message }) => {
  say('message', { text: message.text, user: message.user, channel_type: message.channel_type });
});

app.error(async (error) => say('error', { message: error.message }));

await app.start();
say('connected');
for (let i = 0; i < 2; i++) {
  const posted = await app.client.chat.postMessage(card);
  say('posted', { channel: posted.channel, ts: posted.ts });
}
say('ready');

await ended;
await app.stop();
say('bye');
process.exit(0);
