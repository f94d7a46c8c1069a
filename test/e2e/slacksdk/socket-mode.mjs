// @slack/socket-mode and @slack/web-api, by hand.

import { LogLevel, SocketModeClient } from '@slack/socket-mode';
import { WebClient } from '@slack/web-api';
import { card, ended, env, modal, say, settled, tooShort } from './card.mjs';

const clientOptions = { slackApiUrl: env.api };
const web = new WebClient(env.bot, clientOptions);
const socket = new SocketModeClient({ appToken: env.app, clientOptions, logLevel: LogLevel.ERROR, clientPingTimeout: 1000 });

socket.on('connected', () => say('connected'));
socket.on('disconnected', () => say('disconnected'));

socket.on('interactive', async ({ body, ack }) => {
  if (body.type === 'view_submission') {
    const why = body.view.state.values.why.text.value;
    if (why.length < 5) {
      await ack(tooShort);
      return;
    }
    await ack();
    const [channel, ts] = body.view.private_metadata.split('|');
    await web.chat.update({ channel, ts, ...settled(`Denied: ${why}`) });
    say('denied', { why });
    return;
  }
  await ack();
  const { channel_id: channel, message_ts: ts } = body.container;
  if (body.actions[0].action_id === 'reason') {
    const opened = await web.views.open({ trigger_id: body.trigger_id, view: modal(`${channel}|${ts}`) });
    say('opened', { view: opened.view.id });
    return;
  }
  await web.chat.update({ channel, ts, ...settled('Approved') });
  const note = await fetch(body.response_url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text: 'Noted', response_type: 'ephemeral', replace_original: false }),
  });
  say('approved', { value: body.actions[0].value, note: note.status });
});

socket.on('message', async ({ event, ack }) => {
  await ack();
  say('message', { text: event.text, user: event.user, channel_type: event.channel_type });
});

const me = await web.auth.test();
say('auth', { team: me.team_id, bot: me.user_id, scopes: me.response_metadata.scopes });
await socket.start();
const posted = await web.chat.postMessage(card);
say('posted', { channel: posted.channel, ts: posted.ts });
const second = await web.chat.postMessage(card);
say('posted', { channel: second.channel, ts: second.ts });

const { messages } = await web.conversations.history({ channel: posted.channel, include_all_metadata: true, limit: 10 });
say('history', { metadata: messages.map((m) => m.metadata?.event_payload?.id), texts: messages.map((m) => m.text) });
const upload = await web.files.uploadV2({ channel_id: posted.channel, filename: 'input.txt', content: 'the whole input' });
say('uploaded', { ok: upload.ok });
try {
  await web.chat.postMessage({ ...card, blocks: [{ type: 'header', text: { type: 'mrkdwn', text: 'no' } }] });
} catch (error) {
  say('refused', { error: error.data.error });
}
say('ready');

await ended;
await socket.disconnect();
say('bye');
process.exit(0);
