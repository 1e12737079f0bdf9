// cross-seed v6. It shares Gluetun's namespace with the torrent client, hence localhost.
module.exports = {
  apiKey: "@@SECRET cross-seed/api_key@@",
  port: {{ service.port }},
  // Indexers are added once Prowlarr knows some.
  torznab: [],
  sonarr: [],
  radarr: [],
{% if "qbittorrent" in services %}
  torrentClients: [
    "qbittorrent:http://admin:@@SECRET cross-seed/qbittorrent_password urlquote@@@localhost:{{ services["qbittorrent"].port }}",
  ],
{% endif %}
  useClientTorrents: true,
  torrentDir: null,
  outputDir: null,
  action: "inject",
  linkDirs: ["/data/torrents/cross-seed"],
  linkType: "hardlink",
  linkCategory: "cross-seed-link",
  matchMode: "flexible",
  searchCadence: "1 day",
  rssCadence: "30 minutes",
  excludeOlder: "2 weeks",
  excludeRecentSearch: "3 days",
  // It can set no header, and its fetch() refuses a login in an address: hence the query.
  notificationWebhookUrls: [
    "http://{{ door }}/hooks/notify/cross-seed?token=@@SECRET cross-seed/hook_token urlquote@@",
  ],
};
