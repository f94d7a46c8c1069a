// What both clients post, so that one Go test can drive them.

import { createInterface } from 'node:readline';

export const env = {
  api: process.env.SLACK_API_URL,
  bot: process.env.SLACK_BOT_TOKEN,
  app: process.env.SLACK_APP_TOKEN,
  user: process.env.SLACK_USER,
};

// say tells the Go test what happened, one JSON document a line.
export function say(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

// ended resolves when the Go test closes our standard input.
export const ended = new Promise((resolve) => {
  createInterface({ input: process.stdin }).on('close', resolve);
});

export const card = {
  channel: env.user,
  text: 'laptop: Bash: rm -rf build & co <now>',
  unfurl_links: false,
  unfurl_media: false,
  metadata: { event_type: 'approval_request', event_payload: { id: 'r1', machine: 'laptop' } },
  blocks: [
    { type: 'section', text: { type: 'mrkdwn', text: '*Bash* on laptop' }, expand: true },
    {
      type: 'rich_text',
      elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text: 'rm -rf build & co <now>' }] }],
    },
    {
      type: 'actions',
      block_id: 'decide-1',
      elements: [
        { type: 'button', action_id: 'approve', style: 'primary', value: 'r1', text: { type: 'plain_text', text: 'Approve' } },
        { type: 'button', action_id: 'reason', value: 'r1', text: { type: 'plain_text', text: 'Deny with reason…' } },
      ],
    },
  ],
};

export function modal(privateMetadata) {
  return {
    type: 'modal',
    callback_id: 'reason',
    private_metadata: privateMetadata,
    title: { type: 'plain_text', text: 'Deny' },
    submit: { type: 'plain_text', text: 'Deny' },
    blocks: [
      {
        type: 'input',
        block_id: 'why',
        label: { type: 'plain_text', text: 'Reason' },
        element: { type: 'plain_text_input', action_id: 'text', multiline: true, max_length: 300 },
      },
    ],
  };
}

export function settled(outcome) {
  return {
    text: outcome,
    blocks: [{ type: 'section', block_id: 'decide-2', text: { type: 'plain_text', text: outcome } }],
  };
}

// tooShort is what the clients refuse, to see a modal stay open with an error.
export const tooShort = { response_action: 'errors', errors: { why: 'Say a little more.' } };
