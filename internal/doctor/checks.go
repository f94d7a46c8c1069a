package doctor

// checks is every check there is, in the order in which a question travels:
// the programs, the daemon, the configuration, Claude Code, presence, the
// channels, and the machine under it all.
func checks() []check {
	return []check{
		{"binary", "the program", "The service, the hooks and you should all start the same program.", quickly, binary},
		{"version", "the daemon's version", "After an upgrade the old daemon goes on until it is restarted, and speaks as it did.", quickly, sameVersion},
		{"hook-binary", "the hook program", "Claude Code starts it at every question. Without it nobody is asked elsewhere.", quickly, hookBinary},
		{"service", "the service", "It starts the daemon when you log in, and again when it should die.", quickly, serviceState},
		{"daemon", "the daemon", "The hook brings every question to it. While it does not run, you are asked in the terminal only.", quickly, daemonAnswers},
		{"socket", "the socket", "Whoever can write to the socket can answer for you.", quickly, socketFile},
		{"peer", "who serves the socket", "A daemon of another user would see your commands and could approve them.", quickly, peer},
		{"config", "the configuration", "A daemon with a wrong configuration does not start.", quickly, configValid},
		{"config-mode", "who can read the configuration", "It may hold tokens, and says who may decide.", quickly, configMode},
		{"settings", "Claude Code's settings", "Claude Code ignores a settings file that it cannot read, hooks and all.", quickly, settingsReadable},
		{"hook-entry", "the hook's entry", "Claude Code asks elsewhere only through an entry for PermissionRequest.", quickly, hookEntry},
		{"hook-settle", "entries for what follows a question", "They tell the daemon that a question was answered in the terminal, so that its card loses its buttons.", quickly, settleEntries},
		{"hook-timeout", "how long the hook may wait", "When the entry's time is over, Claude Code ends the hook, and your tap comes too late.", quickly, hookTimeout},
		{"hook-socket", "the hook's socket", "A hook that looks for another socket than the daemon's hands every question back.", quickly, hookSocket},
		{"hook-once", "installed once", "Entries in two places ask about one question twice.", quickly, installedOnce},
		{"hooks-allowed", "hooks are allowed", "disableAllHooks and allowManagedHooksOnly switch hooks off without a word.", quickly, hooksAllowed},
		{"hook-fires", "the hook fires", "An entry that looks right may still not run; this is the proof.", patiently, hookFires},
		{"claude", "Claude Code", "Versions before 2.0.45 have no PermissionRequest hook.", quickly, claudeVersion},
		{"default-mode", "the permission mode", "In some modes Claude Code hardly ever asks, so hardly any card comes.", quickly, defaultMode},
		{"surfaces", "where Claude Code does not ask", "Some surfaces of Claude Code do not run hooks: their questions stay where they are.", quickly, surfaces},
		{"presence", "presence", "Cards go out only while you are away, so the daemon must be able to tell.", quickly + quickly/5, presenceSource},
		{"channels", "a place to answer", "Without a channel nobody can be asked away from the terminal.", quickly, channels},
		{"page", "the page", "Whoever has its link and can reach its address can decide.", quickly, page},
		{"slack-users", "who may decide in Slack", "An empty list never means everybody: without names the channel does not start.", quickly, slackUsers},
		{"slack-bot-token", "Slack's bot token", "It posts the cards.", patiently, slackBot},
		{"slack-scopes", "the bot token's scopes", "Without chat:write there is no card; without history a card may be there twice.", patiently, slackScopes},
		{"slack-app-token", "Slack's app token", "It opens the link by which your taps come back.", patiently, slackApp},
		{"slack-link", "the link to Slack", "While it is down, taps do not arrive.", quickly, slackLink},
		{"slack-machines", "other machines on the Slack app", "Slack gives each tap to any one of an app's connections: two machines lose taps to each other.", quickly, slackMachines},
		{"state", "the state folder", "What must survive a restart is there, and nobody else should read it.", quickly, stateFolder},
		{"journal", "the journal", "Without a journal nothing can be decided; with a broken chain nobody can say what was.", quickly, journalChain},
		{"disk", "disk space", "A decision counts only once it is on the disk.", quickly, disk},
		{"clock", "the clock", "Deadlines and the times on cards are the clock's.", quickly + quickly/5, clock},
	}
}
