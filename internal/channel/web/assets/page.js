// The page works without this file. It only makes the page live: it keeps the
// cards as they are, sends answers without leaving, and keeps the clocks true.
//
// The one thing it must never do is move a button under a finger: what the
// person looks at stays where it is when cards come and go, and a tap that
// comes right after something moved does nothing.
"use strict";
(() => {
	const body = document.body;
	const waiting = document.querySelector("#waiting .cards");
	const settled = document.querySelector("#settled .cards");
	const happenings = document.querySelector("#notes .happenings");
	const said = document.getElementById("said");
	const link = document.getElementById("link");
	let skew = Number(body.dataset.now) - Date.now(); // of this clock to the daemon's
	let movedAt = -Infinity;

	// Clocks

	const sameDay = (a, b) => a.toDateString() === b.toDateString();

	function roughly(ms) {
		const minutes = Math.floor(ms / 60000), hours = Math.floor(minutes / 60);
		if (hours >= 48) return Math.floor(hours / 24) + " days";
		if (hours >= 10) return hours + " h";
		if (hours >= 1) return hours + " h " + (minutes % 60) + " min";
		return minutes + " min";
	}

	function tellTime(root) {
		const now = Date.now() + skew;
		for (const t of root.querySelectorAll("time")) {
			const at = new Date(t.dateTime);
			const day = sameDay(at, new Date(now)) ? {} : { day: "numeric", month: "short" };
			put(t, at.toLocaleString([], { hour: "2-digit", minute: "2-digit", ...day }));
		}
		for (const span of root.querySelectorAll(".ago")) {
			const ms = now - Date.parse(span.dataset.at);
			put(span, ms < 60000 ? "just now" : roughly(ms) + " ago");
		}
		for (const span of root.querySelectorAll(".left")) {
			const ms = Date.parse(span.dataset.by) - now;
			put(span, ms <= 0 ? "time is up" : ms < 60000 ? "less than a minute left" : roughly(ms) + " left");
		}
	}

	function put(element, text) {
		if (element.textContent !== text) element.textContent = text;
	}

	// Cards

	const cardsOf = (list) => [...list.querySelectorAll(":scope > .card")];
	const isOpen = (card) => card.dataset.stage === "open";

	function parse(html) {
		const template = document.createElement("template");
		template.innerHTML = html;
		const card = template.content.firstElementChild;
		tellTime(card);
		return card;
	}

	// notSent says on a card that has ended which words these forms did not send.
	function notSent(card, forms) {
		const drafts = forms.flatMap((form) => [...form.elements])
			.filter((field) => field.matches("textarea, input[type=text]") && field.value.trim() && field.value !== field.defaultValue)
			.map((field) => field.value.trim());
		if (!drafts.length) return;
		const unsent = document.createElement("p");
		unsent.className = "unsent";
		unsent.textContent = "Not sent: " + drafts.join("\n");
		card.append(unsent);
	}

	// redraw gives the element that stands for the card from now on. An open
	// card that stays the same question stays the same element, so that nothing
	// typed, unfolded or focused on it is lost.
	function redraw(old, fresh) {
		const a = old.dataset, b = fresh.dataset;
		if (isOpen(old) && isOpen(fresh) && a.generation === b.generation && a.digest === b.digest) {
			old.querySelector(".note").replaceChildren(...fresh.querySelector(".note").childNodes);
			return old;
		}
		for (const kept of old.querySelectorAll("[data-keep]")) {
			const twin = fresh.querySelector('[data-keep="' + kept.dataset.keep + '"]');
			if (twin && !isOpen(old)) twin.open = kept.open;
		}
		if (isOpen(old)) notSent(fresh, [...old.querySelectorAll("form:not([data-sent])")]);
		if (old.querySelector(".unsent")) fresh.append(old.querySelector(".unsent"));
		const focused = old.contains(document.activeElement);
		old.replaceWith(fresh);
		if (focused) fresh.querySelector("h3").focus({ preventScroll: true });
		return fresh;
	}

	// arrange puts the cards into the list in this order, moving as few as it can.
	function arrange(list, cards) {
		for (const card of [...list.children]) if (!cards.includes(card)) card.remove();
		cards.forEach((card, i) => {
			if (list.children[i] !== card) list.insertBefore(card, list.children[i] || null);
		});
		list.parentElement.dataset.count = cards.length;
	}

	const topOf = (element) => element.getBoundingClientRect().top;
	const inView = (element) => {
		const box = element.getBoundingClientRect();
		return box.bottom > 0 && box.top < innerHeight;
	};

	function update(u) {
		skew = u.now - Date.now();
		const cards = cardsOf(waiting);
		// What the eye or the finger is on, best first: what has the focus, then the
		// buttons in view, then the cards in view.
		const places = [document.activeElement, ...cards.map((card) => card.querySelector(".answer")), ...cards]
			.filter((place) => place && waiting.contains(place))
			.map((place) => ({ place, top: topOf(place), seen: inView(place) }));

		const known = new Map([...cards, ...cardsOf(settled)].map((card) => [card.dataset.request, card]));
		const arrived = [];
		for (const [id, html] of Object.entries(u.cards)) {
			const fresh = parse(html), old = known.get(id);
			if (!old) {
				fresh.classList.add("fresh");
				if (isOpen(fresh)) arrived.push(fresh);
			}
			known.set(id, old ? redraw(old, fresh) : fresh);
		}
		const focus = document.activeElement;
		arrange(waiting, u.waiting.map((id) => known.get(id)).filter(Boolean));
		arrange(settled, u.settled.map((id) => known.get(id)).filter(Boolean));
		if (focus !== document.activeElement && focus.isConnected) focus.focus({ preventScroll: true });

		const stay = places.filter(({ place }) => waiting.contains(place));
		const hold = stay.find(({ seen }) => seen);
		if (hold) scrollBy({ top: topOf(hold.place) - hold.top, behavior: "instant" });
		if (arrived.length || stay.length < places.length ||
			stay.some(({ place, top }) => Math.abs(topOf(place) - top) > 1)) movedAt = performance.now();
		announce(arrived);
		hear(u.notes, u.news, arrived);

		const presence = document.getElementById("presence");
		presence.innerHTML = u.presence;
		tellTime(presence);
		document.title = u.title;
	}

	// hear lists what happened, and says it, and what is asked, to those who listen.
	function hear(order, news, arrived) {
		const known = new Map([...happenings.children].map((note) => [note.dataset.note, note]));
		const words = arrived.map((card) => "New question: " + card.getAttribute("aria-label"));
		for (const [id, html] of Object.entries(news)) {
			if (known.has(id)) continue;
			const note = parse(html);
			known.set(id, note);
			words.push(note.querySelector(".what").textContent);
		}
		arrange(happenings, order.map((id) => known.get(id)).filter(Boolean));
		if (words.length) document.getElementById("heard").textContent = words.join(". ");
	}

	function forgetOld() {
		for (const note of [...happenings.children]) {
			if (Number(note.dataset.until) < Date.now() + skew) note.remove();
		}
		happenings.parentElement.dataset.count = happenings.children.length;
	}

	// announce says that there are new questions above what is in view.
	let newer;
	function announce(arrived) {
		const above = arrived.filter((card) => card.getBoundingClientRect().bottom < 8);
		if (!above.length) return;
		if (!newer) {
			newer = document.createElement("button");
			newer.id = "newer";
			newer.addEventListener("click", () => {
				scrollTo({ top: 0 });
				newer.remove();
				newer = null;
			});
			body.append(newer);
		}
		const count = (newer.count || 0) + above.length;
		newer.count = count;
		newer.textContent = count === 1 ? "↑ 1 new question" : "↑ " + count + " new questions";
	}
	addEventListener("scroll", () => {
		if (newer && scrollY < 80) { newer.remove(); newer = null; }
	}, { passive: true });

	// Answers

	addEventListener("submit", (event) => {
		const form = event.target, button = event.submitter, card = form.closest(".card");
		if (!button || !card) return;
		event.preventDefault();
		if (performance.now() - movedAt < 500) {
			tell(card, "The page has just moved under your finger, so nothing was sent. Tap again.");
			return;
		}
		send(card, form, button);
	}, true);

	async function send(card, form, button) {
		const fields = new URLSearchParams(new FormData(form));
		fields.set(button.name, button.value);
		for (const other of form.querySelectorAll(".else")) {
			// Words beside another choice were left there, not chosen.
			const set = other.closest(".field");
			if (!other.checked && set.querySelector("input:checked")) fields.delete(set.querySelector(".other").name);
		}
		const buttons = [...card.querySelectorAll("button")];
		buttons.forEach((b) => { b.disabled = true; });
		form.dataset.sent = "yes"; // the card may settle before the answer comes
		tell(card, "");
		clearLacks(card);
		let text = "", good = false, field;
		try {
			const response = await fetch("answer", {
				method: "POST",
				headers: { Accept: "application/json" },
				body: fields,
			});
			const type = response.headers.get("Content-Type") || "";
			if (type.startsWith("application/json")) ({ text, field } = await response.json());
			else text = await response.text();
			good = response.ok;
		} catch {
			text = "Not sent: the daemon cannot be reached. Your answer does not count; try again.";
		}
		buttons.forEach((b) => { b.disabled = false; });
		if (!good) {
			delete form.dataset.sent;
			const now = [...cardsOf(waiting), ...cardsOf(settled)].find((c) => c.dataset.request === card.dataset.request);
			if (now && now !== card) notSent(now, [form]);
		}
		if (good || !card.isConnected || !isOpen(card)) say(text, good);
		else if (field || form.querySelector(".field")) lacks(form, field, text);
		else tell(card, text);
	}

	// lacks says beside a field, or above the form's button, why it does not count.
	function lacks(form, name, text) {
		const field = name && [...form.querySelectorAll(".field")].find((f) => f.dataset.field === "f." + name || f.dataset.field === name);
		const p = document.createElement("p");
		p.className = "lacks";
		p.setAttribute("role", "alert");
		if (field) {
			p.id = form.id + "-lacks-" + name;
			field.append(p);
			const input = field.querySelector("input, textarea");
			input.setAttribute("aria-invalid", "true");
			input.focus();
			field.scrollIntoView({ block: "nearest" });
		} else {
			form.querySelector("button").before(p);
		}
		p.textContent = text;
	}

	function clearLacks(card) {
		for (const p of card.querySelectorAll(".lacks")) p.remove();
		for (const e of card.querySelectorAll("[aria-invalid]")) e.removeAttribute("aria-invalid");
	}

	// Words in place of a choice choose themselves.
	addEventListener("input", (event) => {
		const set = event.target.closest(".field"), other = set && set.querySelector(".else");
		if (event.target.matches("textarea")) grow(event.target);
		if (other && event.target.matches(".other") && event.target.value.trim()) other.checked = true;
	});
	function grow(area) {
		if (area.scrollHeight > area.clientHeight && area.clientHeight < 400) {
			area.style.height = Math.min(area.scrollHeight + 4, 400) + "px";
		}
	}

	function tell(card, text) {
		const told = card.querySelector(".told");
		if (told) told.textContent = text;
	}

	function say(text, good) {
		const p = document.createElement("p");
		p.textContent = text;
		const close = document.createElement("a");
		close.className = "close";
		close.href = "./";
		close.textContent = "×";
		close.setAttribute("aria-label", "Close this message");
		said.className = good ? "good" : "refused";
		said.replaceChildren(p, close);
	}
	said.addEventListener("click", (event) => {
		if (!event.target.closest(".close")) return;
		event.preventDefault();
		said.replaceChildren();
		history.replaceState(null, "", "./");
	});

	// The link to the daemon

	let source, heardAt = Date.now(), triedAt = 0, again;

	function standing(live, why) {
		link.hidden = false;
		link.classList.toggle("lost", !live);
		if (live) {
			put(link, "Live");
		} else if (!link.querySelector("a")) {
			const since = document.createElement("time"), reload = document.createElement("a");
			since.dateTime = new Date(heardAt + skew).toISOString();
			reload.href = "./";
			reload.textContent = "reload";
			link.replaceChildren("Not live since ", since, why ? " (" + why + ")" : "", " — ", reload);
			tellTime(link);
		}
	}

	function connect() {
		clearTimeout(again);
		if (source) source.close();
		source = new EventSource("events?at=" + encodeURIComponent(body.dataset.at));
		triedAt = Date.now();
		const heard = (event) => {
			heardAt = Date.now();
			if (event.lastEventId) body.dataset.at = event.lastEventId;
			standing(true);
		};
		source.addEventListener("still", (event) => {
			heard(event);
			skew = Number(event.data) - Date.now();
		});
		source.addEventListener("update", (event) => {
			heard(event);
			update(JSON.parse(event.data));
		});
		source.addEventListener("displaced", () => {
			source.close();
			source = null;
			standing(false, "too many pages are open");
		});
		source.addEventListener("error", () => {
			standing(false);
			if (source && source.readyState === EventSource.CLOSED) {
				again = setTimeout(connect, 5000);
			}
		});
	}

	setInterval(() => {
		if (document.hidden) return;
		tellTime(document);
		forgetOld();
		if (source && Date.now() - Math.max(heardAt, triedAt) > 75000) { // the daemon speaks every 30 s
			standing(false);
			connect();
		}
	}, 15000);
	document.addEventListener("visibilitychange", () => {
		if (document.hidden) return;
		tellTime(document);
		if (!source || source.readyState === EventSource.CLOSED || Date.now() - heardAt > 45000) connect();
	});
	addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

	document.querySelector("footer").hidden = true; // it tells when the page was drawn, once
	tellTime(document);
	connect();
})();
