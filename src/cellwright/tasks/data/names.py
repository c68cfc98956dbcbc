"""The names that columns usually have, by role, in English and Chinese; lower case. Floor 6 (tasks)."""

from __future__ import annotations

TEXT = (
    *("text", "sentence", "review", "question", "headline", "content", "title", "comment", "body", "message"),
    *("tweet", "document", "utterance", "sequence", "文本", "评论", "内容", "标题", "正文", "句子"),
)
LABEL = (
    *("label", "class", "category", "target", "sentiment", "topic", "intent", "polarity", "rating", "digit"),
    *("speaker", "y", "标签", "类别", "分类", "情感"),
)
TIME = (
    *("time", "date", "datetime", "timestamp", "ds", "year", "month", "day", "period"),
    *("时间", "日期", "年份", "月份"),
)
TARGET = ("target", "y", "value", "目标", "数值")
SERIES = (
    *("series", "series_id", "unique_id", "item", "item_id", "id", "ticker", "symbol", "store", "sku"),
    *("序列", "编号", "代码", "门店"),
)
OTHER = ("id", "name", "source", "tag", "answer", "编号", "名称")
ALL = frozenset((*TEXT, *LABEL, *TIME, *TARGET, *OTHER))
