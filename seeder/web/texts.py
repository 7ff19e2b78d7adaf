"""The words of the player page, in English and Korean."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["TEXTS", "choose_language"]

ENGLISH = {
    "by": "by",
    "verified": "Checked before the first byte",
    "verified_signature": "Sealed and signed for {shop}",
    "verified_licence": "Licensed to this device",
    "verified_online": "Confirmed by the shop just now",
    "verified_offline": "Opened offline; the licence is perpetual",
    "verified_lease": "Opened offline; the shop's permission is held here",
    "plays_until": "Plays until {time}.",
    "runs_on_until": "A play begun before then may go on until {time}.",
    "not_started": "Not started: the first play begins your {span}.",
    "start_by": "Start by {time}.",
    "plays_left": "Plays ready on this device: {count}.",
    "hours": "{count} hours",
    "minutes": "{count} minutes",
    "verified_disk": "Decrypted in memory, never written to disk",
    "files": "Contents",
    "play": "Play",
    "pause": "Pause",
    "save_copy": "Save a copy",
    "save_hint": "This kind of file has no player here. Save a copy and open it with a program of your own, or run:",
    "no_player": "This kind of file has no player here, and saving it is not part of what you have.",
    "other_players": "Another player on this machine can open this address:",
    "copy_address": "Copy",
    "copied": "Copied",
    "keys_heading": "Keys",
    "keys_play": "play or pause",
    "keys_seek": "five seconds back or on",
    "keys_volume": "louder or softer",
    "keys_mute": "mute",
    "keys_full": "full screen",
    "keys_track": "next or previous file",
    "stopped": "Playback has stopped",
    "broken": "Your browser cannot play this file. Try the address below in another player, such as mpv or VLC.",
    "gone": "The player is no longer running. Start it again with: geobuk play",
    "refused_changed_bytes": "This copy holds changed bytes: they are not what the seller sealed, so nothing of them is shown. Mend it with: geobuk sync",
    "refused_revoked": "The shop has withdrawn this purchase, as after a refund. Your library on the shop's page says why.",
    "refused_window_over": "The time to watch this has run out. You can rent it again in the shop.",
    "refused_lease_expired": "This rental has been offline for too long. Connect to the shop, and run geobuk play again.",
    "refused_lease_missing": "This rental has no permission on this device yet. Connect to the shop, and run geobuk play again.",
    "refused_state_missing": "This device's record of what was played is lost. Connect to the shop, and run geobuk play again.",
    "refused_not_recorded": "This play cannot be written down, so it was not begun and costs nothing. Free some space on the disk, and try again.",
    "refused_clock_set_back": "This device's clock has been set back. Set it right, connect to the shop, and run geobuk play again.",
    "refused_plays_used_up": "Every play that this device may begin is used. Connect to the shop for the next, or buy more there.",
    "refused_expired": "This licence has expired. Renew it in the shop to open the content again.",
    "not_found": "There is no such page. Open the address that geobuk play prints.",
    "expired": "This page is too old. Run geobuk play again for a new one.",
    "noscript": "Switch on JavaScript for the list and the keys. The file itself plays without.",
}
KOREAN = {
    "by": "판매자",
    "verified": "재생하기 전에 모두 확인했습니다",
    "verified_signature": "{shop}의 서명으로 봉인된 콘텐츠",
    "verified_licence": "이 기기에 발급된 라이선스",
    "verified_online": "방금 상점에서 확인했습니다",
    "verified_offline": "오프라인으로 열었습니다. 영구 라이선스입니다",
    "verified_lease": "오프라인으로 열었습니다. 상점의 허가가 이 기기에 있습니다",
    "plays_until": "{time}까지 재생할 수 있습니다.",
    "runs_on_until": "그 전에 시작한 재생은 {time}까지 이어서 볼 수 있습니다.",
    "not_started": "아직 시작하지 않았습니다. 처음 재생하면 {span}이 시작됩니다.",
    "start_by": "{time}까지 시작해 주세요.",
    "plays_left": "이 기기에서 바로 재생할 수 있는 횟수: {count}회.",
    "hours": "{count}시간",
    "minutes": "{count}분",
    "verified_disk": "메모리에서만 복호화하며 디스크에 쓰지 않습니다",
    "files": "목록",
    "play": "재생",
    "pause": "일시정지",
    "save_copy": "사본 저장",
    "save_hint": "이 종류의 파일은 여기서 재생할 수 없습니다. 사본을 저장해 다른 프로그램으로 열거나 다음 명령을 실행해 주세요:",
    "no_player": "이 종류의 파일은 여기서 재생할 수 없고, 저장은 이용 조건에 포함되어 있지 않습니다.",
    "other_players": "이 컴퓨터의 다른 플레이어에서 열 수 있는 주소:",
    "copy_address": "복사",
    "copied": "복사했습니다",
    "keys_heading": "단축키",
    "keys_play": "재생 또는 일시정지",
    "keys_seek": "5초 뒤로 또는 앞으로",
    "keys_volume": "소리 크게 또는 작게",
    "keys_mute": "음소거",
    "keys_full": "전체 화면",
    "keys_track": "다음 또는 이전 파일",
    "stopped": "재생이 멈췄습니다",
    "broken": "이 브라우저로는 재생할 수 없는 파일입니다. 아래 주소를 mpv나 VLC 같은 다른 플레이어에서 열어 보세요.",
    "gone": "플레이어가 실행되고 있지 않습니다. 다시 시작해 주세요: geobuk play",
    "refused_changed_bytes": "이 사본에는 바뀐 바이트가 있습니다. 판매자가 봉인한 내용과 달라 보여 주지 않습니다. 다음 명령으로 고칠 수 있습니다: geobuk sync",
    "refused_revoked": "환불 등으로 상점이 이 구매를 취소했습니다. 이유는 상점의 보관함에서 볼 수 있습니다.",
    "refused_window_over": "볼 수 있는 시간이 끝났습니다. 상점에서 다시 대여할 수 있습니다.",
    "refused_lease_expired": "오프라인으로 너무 오래 있었습니다. 상점에 연결한 뒤 geobuk play를 다시 실행해 주세요.",
    "refused_lease_missing": "이 기기에 아직 이 대여의 허가가 없습니다. 상점에 연결한 뒤 geobuk play를 다시 실행해 주세요.",
    "refused_state_missing": "이 기기의 재생 기록이 없어졌습니다. 상점에 연결한 뒤 geobuk play를 다시 실행해 주세요.",
    "refused_not_recorded": "재생을 기록할 수 없어 시작하지 않았고, 재생 횟수도 줄지 않았습니다. 디스크 공간을 비운 뒤 다시 시도해 주세요.",
    "refused_clock_set_back": "이 기기의 시계가 뒤로 바뀌었습니다. 시계를 맞추고 상점에 연결한 뒤 geobuk play를 다시 실행해 주세요.",
    "refused_plays_used_up": "이 기기에서 시작할 수 있는 재생을 모두 썼습니다. 상점에 연결해 다음 재생을 받거나 더 사 주세요.",
    "refused_expired": "라이선스 기간이 끝났습니다. 다시 열려면 상점에서 갱신해 주세요.",
    "not_found": "없는 페이지입니다. geobuk play 명령이 보여 준 주소를 열어 주세요.",
    "expired": "이 페이지는 기한이 지났습니다. geobuk play를 다시 실행해 주세요.",
    "noscript": "목록과 단축키를 쓰려면 자바스크립트를 켜 주세요. 파일은 그대로 재생됩니다.",
}
TEXTS: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "ko": KOREAN}


def choose_language(header: str | None) -> str:
    """The best of our languages for an Accept-Language header (RFC 9110 section 12.5.4)."""
    best, weight = "en", 0.0
    for part in (header or "").split(",")[:20]:
        name, _, parameter = part.partition(";")
        primary = name.strip().split("-")[0].lower()
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            continue
        if primary in TEXTS and quality > weight:
            best, weight = primary, quality
    return best
