"""The sorts of trade: industries with their ticket sizes and clocks, and the roles people play.

Ticket medians are in yuan and were set by common sense of the trade; `report` shows what comes out of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from dandelion.world.almanac import CLOCK_NAMES, FARM, FIRM, ONLINE, RETAIL, STREET


class Role(IntEnum):
    """What an account truly is."""

    PRIVATE = 0
    STREET_SHOP = 1
    ONLINE_SHOP = 2
    PART_TIME = 3
    FAMILY_BUSINESS = 4
    FARMER = 5
    REGISTERED_FIRM = 6
    OUTSIDE_COMPANY = 7


class Case(IntEnum):
    """What makes an account hard to tell; NONE for the rest."""

    NONE = 0
    MICRO_VENDOR = 1
    VILLAGE_SHOP = 2
    GROUP_BUY_ORGANISER = 3
    LANDLORD = 4
    BILL_SPLITTER = 5
    CLASS_TREASURER = 6
    MAHJONG_PLAYER = 7
    PROMOTION = 8
    RUSH_HOUR = 9
    CASH_OUT_STORE = 10
    FAKE_ORDER_SHOP = 11
    CIRCULAR_FIRM = 12
    SYNTHETIC_IDENTITY = 13
    SECOND_HAND = 14  # from here on in the hard town only
    FEAST_HOST = 15
    CARPOOL = 16
    FRIEND_SELLER = 17


@dataclass(frozen=True, slots=True)
class Industry:
    """A trade as a merchant would name it.  `weight` is its share among merchants of its role."""

    text: str
    code: str  # GB/T 4754-2017 class
    sector: str  # services | retail | farming | making | wholesale
    role: Role
    weight: float
    rhythm: int
    clock: int
    ticket_yuan: float
    spread: float  # standard deviation of ln(ticket)


def _clock(name: str) -> int:
    return CLOCK_NAMES.index(name)


INDUSTRIES = (
    Industry("小吃快餐", "6220", "services", Role.STREET_SHOP, 21, STREET, _clock("meals"), 24, 0.5),
    Industry("饭店", "6210", "services", Role.STREET_SHOP, 15, STREET, _clock("meals"), 118, 0.7),
    Industry("奶茶饮品", "6239", "services", Role.STREET_SHOP, 7, STREET, _clock("evening"), 22, 0.4),
    Industry("烧烤夜宵", "6299", "services", Role.STREET_SHOP, 5, STREET, _clock("evening"), 125, 0.6),
    Industry("理发", "8040", "services", Role.STREET_SHOP, 10, STREET, _clock("daytime"), 58, 0.7),
    Industry("美容美甲", "8040", "services", Role.STREET_SHOP, 6, STREET, _clock("daytime"), 185, 0.8),
    Industry("汽车维修洗车", "8111", "services", Role.STREET_SHOP, 6, STREET, _clock("daytime"), 160, 1.0),
    Industry("手机家电维修", "8121", "services", Role.STREET_SHOP, 5, STREET, _clock("daytime"), 130, 0.8),
    Industry("洗衣家政", "8030", "services", Role.STREET_SHOP, 4, STREET, _clock("daytime"), 75, 0.7),
    Industry("打印广告", "2319", "services", Role.STREET_SHOP, 2, FIRM, _clock("office"), 65, 1.2),
    Industry("便利店", "5212", "retail", Role.STREET_SHOP, 7, RETAIL, _clock("evening"), 28, 0.8),
    Industry("水果蔬菜", "5223", "retail", Role.STREET_SHOP, 5, RETAIL, _clock("daytime"), 38, 0.6),
    Industry("服装鞋帽", "5232", "retail", Role.STREET_SHOP, 4, RETAIL, _clock("evening"), 170, 0.7),
    Industry("五金建材", "5281", "retail", Role.STREET_SHOP, 3, RETAIL, _clock("daytime"), 110, 1.2),
    Industry("网店服装", "5292", "retail", Role.ONLINE_SHOP, 30, ONLINE, _clock("screen"), 118, 0.7),
    Industry("网店零食特产", "5292", "retail", Role.ONLINE_SHOP, 25, ONLINE, _clock("screen"), 62, 0.6),
    Industry("网店家居", "5292", "retail", Role.ONLINE_SHOP, 20, ONLINE, _clock("screen"), 210, 1.0),
    Industry("网店数码配件", "5292", "retail", Role.ONLINE_SHOP, 15, ONLINE, _clock("screen"), 150, 1.0),
    Industry("定制家具", "5292", "retail", Role.ONLINE_SHOP, 10, ONLINE, _clock("screen"), 900, 0.8),
    Industry("微商代购", "5292", "retail", Role.PART_TIME, 35, ONLINE, _clock("screen"), 190, 0.8),
    Industry("家教陪练", "8399", "services", Role.PART_TIME, 20, STREET, _clock("evening"), 320, 0.5),
    Industry("跑腿零工", "8090", "services", Role.PART_TIME, 20, STREET, _clock("daytime"), 85, 0.7),
    Industry("夜市摆摊", "5291", "retail", Role.PART_TIME, 25, STREET, _clock("evening"), 35, 0.6),
    Industry("家庭作坊", "1819", "making", Role.FAMILY_BUSINESS, 30, RETAIL, _clock("daytime"), 260, 1.0),
    Industry("早餐面点", "6220", "services", Role.FAMILY_BUSINESS, 35, STREET, _clock("market"), 14, 0.4),
    Industry("装修水电", "5011", "services", Role.FAMILY_BUSINESS, 20, FIRM, _clock("daytime"), 750, 1.1),
    Industry("民宿农家乐", "6130", "services", Role.FAMILY_BUSINESS, 15, STREET, _clock("evening"), 240, 0.6),
    Industry("种粮", "0111", "farming", Role.FARMER, 25, FARM, _clock("daytime"), 1500, 0.9),
    Industry("种果", "0151", "farming", Role.FARMER, 30, FARM, _clock("market"), 240, 0.9),
    Industry("种菜", "0141", "farming", Role.FARMER, 30, FARM, _clock("market"), 110, 0.8),
    Industry("养殖", "0313", "farming", Role.FARMER, 15, FARM, _clock("market"), 900, 0.9),
    Industry("批发", "5199", "wholesale", Role.REGISTERED_FIRM, 40, FIRM, _clock("office"), 9000, 1.6),
    Industry("加工制造", "3399", "making", Role.REGISTERED_FIRM, 30, FIRM, _clock("office"), 16000, 1.6),
    Industry("工程服务", "4990", "services", Role.REGISTERED_FIRM, 15, FIRM, _clock("office"), 20000, 1.6),
    Industry("技术与商务服务", "7299", "services", Role.REGISTERED_FIRM, 15, FIRM, _clock("office"), 12000, 1.5),
)

# Share of a farmer's yearly sales by calendar month, by industry text.
HARVEST: dict[str, tuple[float, ...]] = {
    "种粮": (0.3, 0.1, 0.1, 0.1, 0.2, 2.6, 1.6, 0.3, 1.0, 3.2, 2.0, 0.5),
    "种果": (0.5, 0.3, 0.3, 0.5, 1.2, 1.9, 2.1, 1.8, 1.4, 1.2, 0.5, 0.3),
    "种菜": (0.9, 0.8, 0.9, 1.1, 1.2, 1.1, 1.0, 0.9, 1.0, 1.1, 1.0, 1.0),
    "养殖": (2.2, 0.6, 0.6, 0.7, 0.8, 0.9, 0.8, 0.8, 1.1, 1.0, 1.0, 1.5),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How many merchants of a role there are and how they trade.  Shares are of all merchants."""

    role: Role
    share: float
    registered: float  # chance of a licence
    payments_a_month: float  # median
    size_spread: float  # standard deviation of ln(payments a month)
    repeat: float  # share of payments from known customers
    pool_months: float  # size of the circle of known customers, in months of payments
    local: float  # share of customers from the same neighbourhood
    refunds: float  # share of payments that come back


PLANS = (
    Plan(Role.STREET_SHOP, 0.44, 0.62, 36, 0.85, 0.50, 1.6, 0.62, 0.006),
    Plan(Role.ONLINE_SHOP, 0.12, 0.50, 34, 1.05, 0.22, 2.5, 0.0, 0.055),
    Plan(Role.PART_TIME, 0.13, 0.0, 11, 0.70, 0.55, 1.4, 0.45, 0.012),
    Plan(Role.FAMILY_BUSINESS, 0.12, 0.0, 21, 0.80, 0.58, 1.3, 0.60, 0.004),
    Plan(Role.FARMER, 0.10, 0.05, 14, 0.80, 0.45, 1.8, 0.35, 0.003),
    Plan(Role.REGISTERED_FIRM, 0.09, 1.0, 15, 0.85, 0.75, 0.8, 0.0, 0.004),
)
MERCHANTS_PER_PERSON = 0.20
