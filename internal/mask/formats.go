package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"sync"
)

// format is a published form of a secret: a fixed beginning, an alphabet and
// a length. The beginnings are those that the issuers document so that leaked
// tokens can be told; docs/privacy.md names the issuers.
type format struct {
	start string
	body  *charset
	least int // bytes of the body
	most  int // 0: no limit
	what  string
	keep  bool              // show the start, mask the body: an address that people should see
	check func([]byte) bool // of start and body; nil: no more is asked
	back  func([]byte) int  // of what stands before: how many bytes of it belong to the secret, negative for none
}

// formats is the table. A longer start stands before a shorter one that it
// begins with.
var formats = []format{
	// Language models.
	{start: "sk-ant-", body: urlsafe, least: 16, what: "Anthropic key"},
	{start: "sk-proj-", body: urlsafe, least: 20, what: "OpenAI key"},
	{start: "sk-svcacct-", body: urlsafe, least: 20, what: "OpenAI key"},
	{start: "sk-admin-", body: urlsafe, least: 20, what: "OpenAI key"},
	{start: "sk-or-v1-", body: hexes, least: 32, what: "OpenRouter key"},
	{start: "sk-lf-", body: urlsafe, least: 20, what: "Langfuse key"},
	{start: "sk-", body: urlsafe, least: 20, what: "API key (sk-…)", check: bodyVaries(3)},
	{start: "xai-", body: urlsafe, least: 60, what: "xAI key"},
	{start: "gsk_", body: alnum, least: 40, what: "Groq key"},
	{start: "pplx-", body: alnum, least: 40, what: "Perplexity key"},
	{start: "hf_", body: alnum, least: 30, what: "Hugging Face token"},
	{start: "api_org_", body: alnum, least: 30, what: "Hugging Face organisation token"},
	{start: "r8_", body: alnum, least: 30, what: "Replicate token"},
	{start: "tvly-", body: urlsafe, least: 20, what: "Tavily key", check: bodyVaries(5)},
	{start: "lsv2_", body: word, least: 36, what: "LangSmith key"},
	{start: "tgp_v1_", body: urlsafe, least: 36, what: "Together key"},
	{start: "pcsk_", body: word, least: 40, what: "Pinecone key"},
	{start: "sk_", body: hexes, least: 40, what: "API key (sk_…)"},

	// Source forges, package registries, CI.
	{start: "ghp_", body: alnum, least: 30, what: "GitHub token"},
	{start: "gho_", body: alnum, least: 30, what: "GitHub token"},
	{start: "ghu_", body: alnum, least: 30, what: "GitHub token"},
	{start: "ghs_", body: word, least: 30, what: "GitHub token"},
	{start: "ghr_", body: alnum, least: 30, what: "GitHub token"},
	{start: "github_pat_", body: word, least: 22, what: "GitHub token"},
	{start: "glpat-", body: dotted, least: 18, what: "GitLab token"},
	{start: "gldt-", body: dotted, least: 18, what: "GitLab deploy token"},
	{start: "glrt-", body: dotted, least: 18, what: "GitLab runner token"},
	{start: "glrtr-", body: dotted, least: 18, what: "GitLab runner token"},
	{start: "GR1348941", body: urlsafe, least: 18, what: "GitLab runner token"},
	{start: "glcbt-", body: dotted, least: 18, what: "GitLab CI token"},
	{start: "glptt-", body: hexes, least: 18, what: "GitLab trigger token"},
	{start: "glft-", body: dotted, least: 18, what: "GitLab feed token"},
	{start: "glimt-", body: dotted, least: 18, what: "GitLab mail token"},
	{start: "glagent-", body: dotted, least: 18, what: "GitLab agent token"},
	{start: "gloas-", body: dotted, least: 18, what: "GitLab OAuth secret"},
	{start: "glsoat-", body: dotted, least: 18, what: "GitLab SCIM token"},
	{start: "glffct-", body: dotted, least: 18, what: "GitLab feature flag token"},
	{start: "ATBB", body: alnum, least: 28, what: "Bitbucket password", check: bodyVaries(2)},
	{start: "ATATT3", body: dottedEq, least: 60, what: "Atlassian token"},
	{start: "ATCTT3", body: dottedEq, least: 60, what: "Atlassian token"},
	{start: "ATSTT3", body: dottedEq, least: 60, what: "Atlassian token"},
	{start: "npm_", body: alnum, least: 36, what: "npm token"},
	{start: "pypi-", body: urlsafe, least: 50, what: "PyPI token"},
	{start: "rubygems_", body: hexes, least: 48, what: "RubyGems key"},
	{start: "CLOJARS_", body: alnum, least: 60, what: "Clojars token"},
	{start: "cio", body: alnum, least: 32, most: 32, what: "crates.io token", check: random},
	{start: "oy2", body: alnum, least: 43, most: 43, what: "NuGet key"},
	{start: "dckr_pat_", body: urlsafe, least: 20, what: "Docker Hub token"},
	{start: "dckr_oat_", body: urlsafe, least: 20, what: "Docker Hub token"},
	{start: "bkua_", body: hexes, least: 40, what: "Buildkite token"},
	{start: "CCIPAT_", body: word, least: 40, what: "CircleCI token"},
	{start: "sgp_", body: word, least: 40, what: "Sourcegraph token"},
	{start: "cmVmdGtu", body: alnum, least: 40, what: "JFrog token"},
	{start: "AKCp", body: alnum, least: 65, what: "JFrog key"},
	{start: "sqp_", body: hexes, least: 40, what: "SonarQube token"},
	{start: "squ_", body: hexes, least: 40, what: "SonarQube token"},
	{start: "sqa_", body: hexes, least: 40, what: "SonarQube token"},

	// Clouds and hosts.
	{start: "AKIA", body: upper, least: 16, most: 16, what: "AWS access key"},
	{start: "ASIA", body: upper, least: 16, most: 16, what: "AWS access key"},
	{start: "ABIA", body: upper, least: 16, most: 16, what: "AWS access key"},
	{start: "ACCA", body: upper, least: 16, most: 16, what: "AWS access key"},
	{start: "ABSK", body: base64ch, least: 100, what: "AWS Bedrock key"},
	{start: "AIza", body: urlsafe, least: 35, most: 35, what: "Google API key"},
	{start: "ya29.", body: dotted, least: 20, what: "Google access token"},
	{start: "GOCSPX-", body: urlsafe, least: 20, what: "Google client secret"},
	{start: "1//0", body: urlsafe, least: 30, what: "Google refresh token"},
	{start: "dop_v1_", body: hexes, least: 60, what: "DigitalOcean token"},
	{start: "doo_v1_", body: hexes, least: 60, what: "DigitalOcean token"},
	{start: "dor_v1_", body: hexes, least: 60, what: "DigitalOcean token"},
	{start: "HRKU-", body: urlsafe, least: 36, what: "Heroku key"},
	{start: "fo1_", body: urlsafe, least: 43, what: "Fly.io token"},
	{start: "fm1_", body: base64ch, least: 60, what: "Fly.io token"},
	{start: "fm1a_", body: base64ch, least: 60, what: "Fly.io token"},
	{start: "fm1r_", body: base64ch, least: 60, what: "Fly.io token"},
	{start: "fm2_", body: base64ch, least: 60, what: "Fly.io token"},
	{start: "nfp_", body: alnum, least: 36, what: "Netlify token"},
	{start: "rnd_", body: alnum, least: 28, what: "Render key", check: bodyVaries(4)},
	{start: "sbp_", body: hexes, least: 40, what: "Supabase token"},
	{start: "sb_secret_", body: urlsafe, least: 20, what: "Supabase key"},
	{start: "pscale_tkn_", body: dottedEq, least: 32, what: "PlanetScale token"},
	{start: "pscale_pw_", body: dottedEq, least: 32, what: "PlanetScale password"},
	{start: "pscale_oauth_", body: dottedEq, least: 32, what: "PlanetScale token"},
	{start: "napi_", body: alnum, least: 40, what: "Neon key"},
	{start: "v1.0-", body: dotted, least: 100, what: "Cloudflare origin key"},
	{start: "dapi", body: hexes, least: 32, most: 32, what: "Databricks token"},
	{start: "tskey-", body: urlsafe, least: 20, what: "Tailscale key"},
	{start: "LTAI", body: alnum, least: 17, most: 20, what: "Alibaba access key", check: bodyVaries(4)},
	{start: "AKID", body: alnum, least: 32, most: 32, what: "Tencent secret id", check: random},
	{start: "tk-us-", body: urlsafe, least: 48, what: "Scalingo token"},
	{start: "ico-", body: alnum, least: 32, most: 32, what: "Infracost key", check: bodyVaries(4)},

	// Secret stores and infrastructure.
	{start: "hvs.", body: urlsafe, least: 24, what: "Vault token"},
	{start: "hvb.", body: urlsafe, least: 24, what: "Vault token"},
	{start: "hvr.", body: urlsafe, least: 24, what: "Vault token"},
	{start: "sha256~", body: urlsafe, least: 43, most: 43, what: "OpenShift token"},
	{start: "Q~", body: tilde, least: 31, most: 34, what: "Azure client secret", back: backOver(tilde, 4, 4), check: bodyVaries(2)},
	{start: "dp.pt.", body: alnum, least: 40, what: "Doppler token"},
	{start: "dp.st.", body: dotted, least: 40, what: "Doppler token"},
	{start: "dp.ct.", body: alnum, least: 40, what: "Doppler token"},
	{start: "dp.sa.", body: alnum, least: 40, what: "Doppler token"},
	{start: "dp.scim.", body: alnum, least: 40, what: "Doppler token"},
	{start: "dp.audit.", body: alnum, least: 40, what: "Doppler token"},
	{start: "pul-", body: hexes, least: 40, what: "Pulumi token"},
	{start: ".atlasv1.", body: urlsafe, least: 60, what: "HCP Terraform token", back: backOver(alnum, 14, 14)},
	{start: "ops_", body: base64ch, least: 200, what: "1Password service token"},
	{start: "A3-", body: upperDash, least: 30, what: "1Password secret key"},
	{start: "AGE-SECRET-KEY-1", body: upper, least: 50, what: "age key"},
	{start: "pnu_", body: alnum, least: 36, what: "Prefect key"},
	{start: "dt0c01.", body: dotted, least: 80, what: "Dynatrace token"},
	{start: "p8e-", body: urlsafe, least: 32, what: "Private Packagist token", check: bodyVaries(4)},

	// Payment.
	{start: "sk_live_", body: alnum, least: 10, what: "Stripe key"},
	{start: "sk_test_", body: alnum, least: 10, what: "Stripe test key"},
	{start: "rk_live_", body: alnum, least: 10, what: "Stripe key"},
	{start: "rk_test_", body: alnum, least: 10, what: "Stripe test key"},
	{start: "sk_prod_", body: alnum, least: 10, what: "Stripe key"},
	{start: "rk_prod_", body: alnum, least: 10, what: "Stripe key"},
	{start: "whsec_", body: base64ch, least: 24, what: "webhook secret"},
	{start: "sq0atp-", body: urlsafe, least: 22, what: "Square token"},
	{start: "sq0csp-", body: urlsafe, least: 40, what: "Square secret"},
	{start: "EAAA", body: urlsafe, least: 56, what: "Square or Facebook token"},
	{start: "access_token$production$", body: alnum, least: 20, what: "PayPal token"},
	{start: "access-production-", body: urlsafe, least: 36, what: "Plaid token"},
	{start: "access-sandbox-", body: urlsafe, least: 36, what: "Plaid token"},
	{start: "FLWSECK", body: urlsafe, least: 12, what: "Flutterwave key"},
	{start: "EZAK", body: alnum, least: 54, what: "EasyPost key"},
	{start: "EZTK", body: alnum, least: 54, what: "EasyPost test key"},
	{start: "duffel_", body: urlsafe, least: 43, what: "Duffel token"},
	{start: "shippo_live_", body: hexes, least: 40, what: "Shippo token"},
	{start: "shippo_test_", body: hexes, least: 40, what: "Shippo token"},

	// Messaging and mail.
	{start: "xoxb-", body: urlsafe, least: 10, what: "Slack token"},
	{start: "xoxp-", body: urlsafe, least: 10, what: "Slack token"},
	{start: "xoxa-", body: urlsafe, least: 10, what: "Slack token"},
	{start: "xoxr-", body: urlsafe, least: 10, what: "Slack token"},
	{start: "xoxo-", body: urlsafe, least: 10, what: "Slack token"},
	{start: "xoxs-", body: urlsafe, least: 10, what: "Slack token"},
	{start: "xoxc-", body: urlsafe, least: 10, what: "Slack token"},
	{start: "xoxd-", body: base64ch, least: 10, what: "Slack cookie"},
	{start: "xoxe-", body: urlsafe, least: 10, what: "Slack token"},
	{start: "xoxe.", body: dotted, least: 10, what: "Slack token"},
	{start: "xapp-", body: urlsafe, least: 10, what: "Slack token"},
	{start: "hooks.slack.com/services/", body: slashed, least: 20, what: "Slack webhook", keep: true},
	{start: "hooks.slack.com/workflows/", body: slashed, least: 20, what: "Slack webhook", keep: true},
	{start: "hooks.slack.com/triggers/", body: slashed, least: 20, what: "Slack webhook", keep: true},
	{start: "discord.com/api/webhooks/", body: slashed, least: 40, what: "Discord webhook", keep: true},
	{start: "discordapp.com/api/webhooks/", body: slashed, least: 40, what: "Discord webhook", keep: true},
	{start: ".webhook.office.com/webhookb2/", body: webhook, least: 60, what: "Teams webhook", keep: true},
	{start: "api.telegram.org/bot", body: telegram, least: 40, what: "Telegram bot token", keep: true},
	{start: ":A", body: urlsafe, least: 34, most: 34, what: "Telegram bot token", back: backOver(digits, 5, 16), check: bodyVaries(2)},
	{start: "SG.", body: dotted, least: 60, what: "SendGrid key"},
	{start: "xkeysib-", body: urlsafe, least: 64, what: "Brevo key"},
	{start: "SK", body: hexes, least: 32, most: 32, what: "Twilio key"},
	{start: "key-", body: hexes, least: 32, most: 32, what: "Mailgun key"},
	{start: "-us", body: digits, least: 1, most: 2, what: "Mailchimp key", back: backOver(hexes, 32, 32)},

	// Work.
	{start: "lin_api_", body: alnum, least: 36, what: "Linear key"},
	{start: "lin_oauth_", body: alnum, least: 36, what: "Linear token"},
	{start: "secret_", body: alnum, least: 43, most: 43, what: "Notion token"},
	{start: "ntn_", body: alnum, least: 40, what: "Notion token"},
	{start: "figd_", body: urlsafe, least: 36, what: "Figma token"},
	{start: "figo_", body: urlsafe, least: 36, what: "Figma token"},
	{start: "pat", body: airtable, least: 79, most: 79, what: "Airtable token", check: airtableForm},
	{start: "PMAK-", body: urlsafe, least: 50, what: "Postman key"},
	{start: "NRAK-", body: alnum, least: 27, what: "New Relic key"},
	{start: "NRII-", body: urlsafe, least: 32, what: "New Relic key"},
	{start: "NRJS-", body: hexes, least: 19, what: "New Relic key"},
	{start: "NRSP-", body: alnum, least: 27, what: "New Relic key"},
	{start: "glc_", body: base64ch, least: 32, what: "Grafana token", check: bodyVaries(4)},
	{start: "glsa_", body: word, least: 40, what: "Grafana token"},
	{start: "sntrys_", body: base64ch, least: 60, what: "Sentry token"},
	{start: "sntryu_", body: hexes, least: 60, what: "Sentry token"},
	{start: "shpat_", body: hexes, least: 32, what: "Shopify token"},
	{start: "shpca_", body: hexes, least: 32, what: "Shopify token"},
	{start: "shppa_", body: hexes, least: 32, what: "Shopify token"},
	{start: "shpss_", body: hexes, least: 32, what: "Shopify secret"},
	{start: "sl.", body: urlsafe, least: 120, what: "Dropbox token"},
	{start: "rdme_", body: alnum, least: 60, what: "ReadMe key"},
	{start: "tfp_", body: dottedEq, least: 50, what: "Typeform token"},
	{start: "fio-u-", body: urlsafe, least: 60, what: "Frame.io token"},
	{start: "sdk-", body: urlsafe, least: 36, what: "LaunchDarkly key", check: bodyVaries(6)},
	{start: "phx_", body: alnum, least: 36, what: "PostHog key"},
	{start: "ddp_", body: alnum, least: 36, what: "Datadog token"},
	{start: "y0_", body: urlsafe, least: 50, what: "Yandex token"},
	{start: "t1.", body: dottedEq, least: 100, what: "Yandex token"},
	{start: "AQVN", body: urlsafe, least: 35, what: "Yandex key", check: bodyVaries(4)},
	{start: "intra_s-s4t2", body: alnum, least: 30, what: "42 secret"},
	{start: "s-s4t2", body: alnum, least: 30, what: "42 secret"},

	// Anybody's.
	{start: "eyJ", body: dottedEq, least: 20, what: "JSON web token", check: jwt},
	{start: "ZXlK", body: base64ch, least: 40, what: "JSON web token in base64", check: func(t []byte) bool {
		inner, err := base64.RawStdEncoding.DecodeString(string(t[:len(t)/4*4]))
		return err == nil && jwt(inner)
	}},
}

var (
	upperDash = chars("0-9", "A-Z", "-")
	webhook   = chars("0-9", "a-z", "A-Z", "@/-")
	tilde     = chars("0-9", "a-z", "A-Z", "~._-")
	telegram  = chars("0-9", "a-z", "A-Z", ":_-")
	airtable  = chars("0-9", "a-z", "A-Z", ".")
)

// backOver says how many bytes before a format's start belong to it: from
// least to most bytes of set.
func backOver(set *charset, least, most int) func([]byte) int {
	return func(before []byte) int {
		n := 0
		for n < len(before) && n < most && set[before[len(before)-1-n]] {
			n++
		}
		if n < least {
			return -1
		}
		return n
	}
}

// bodyVaries asks for letters and digits, at least so many of the latter: for
// starts that words have too.
func bodyVaries(least int) func([]byte) bool {
	return func(t []byte) bool {
		s := shapeOf(t)
		return s.digits >= least && s.lowers+s.uppers >= least
	}
}

func airtableForm(t []byte) bool {
	return bytes.IndexByte(t, '.') == 17 && bytes.Count(t, []byte(".")) == 1
}

// jwt reports whether t begins with a JSON object in base64 and has another
// part.
func jwt(t []byte) bool {
	head, rest, ok := bytes.Cut(t, []byte("."))
	if !ok || len(rest) < 4 {
		return false
	}
	header, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimRight(head, "=")))
	return err == nil && json.Valid(header)
}

// index tells which formats a text's next two bytes may begin.
type index struct {
	bucket  [1 << 16]uint8 // of the two bytes; 0: no format
	buckets [][]uint8      // places in formats
}

// starts is the index, built at first use: a program that masks nothing pays
// nothing.
var starts = sync.OnceValue(func() *index {
	x := &index{buckets: make([][]uint8, 1)}
	for i, f := range formats {
		k := int(f.start[0])<<8 | int(f.start[1])
		if x.bucket[k] == 0 {
			x.bucket[k] = uint8(len(x.buckets))
			x.buckets = append(x.buckets, nil)
		}
		x.buckets[x.bucket[k]] = append(x.buckets[x.bucket[k]], uint8(i))
	}
	return x
})

// findFormats finds the tokens whose form is published.
func findFormats(u *unfolded, spans []Span) []Span {
	x, text := starts(), u.text
	spent := 0 // bytes of bodies read: a text may be made to have them read over and over
	for i := 0; i+4 < len(text); i++ {
		for _, n := range x.buckets[x.bucket[int(text[i])<<8|int(text[i+1])]] {
			f := &formats[n]
			if !hasPrefix(text[i:], f.start) {
				continue
			}
			from := i
			if f.back != nil {
				n := f.back(text[:i])
				if n < 0 {
					continue
				}
				from -= n
			} else if !f.keep && i > 0 && alnum[text[i-1]] && u.gap[i] == none {
				continue // in the middle of a word
			}
			start := i + len(f.start)
			end := u.run(start, f.body, f.least, f.most)
			if end-start < f.least || f.most > 0 && end < len(text) && f.body[text[end]] && u.gap[end] == none && f.back == nil {
				continue
			}
			what := f.what
			if spent += end - start; f.check != nil && !f.check(text[i:end]) {
				if spent < 16*len(text)+1<<16 {
					continue
				}
				what = "too much that might be a secret to look at each"
			}
			if f.keep {
				from = start
			}
			spans = append(spans, u.span(from, end, what))
			i = end - 1
			break
		}
	}
	return spans
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }
