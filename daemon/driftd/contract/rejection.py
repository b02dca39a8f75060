"""Why an event is refused. Rule: a fixed set, so that it can be counted; details of a case are beside it."""

from enum import StrEnum


class RejectionReason(StrEnum):
    """All reasons for which an event that came in is given back as a rejected event."""

    NULL_VALUE = "null_value"
    TOO_LARGE = "too_large"
    INVALID_UTF8 = "invalid_utf8"
    MALFORMED_JSON = "malformed_json"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    TOO_MANY_FEATURES = "too_many_features"
    EVENT_TIME_IN_FUTURE = "event_time_in_future"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    UNKNOWN_TOPIC = "unknown_topic"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_REQUEST = "unknown_request"
    STALE_DEPLOYMENT = "stale_deployment"
    MODELS_MAX_REACHED = "models_max_reached"
    DUPLICATE_PREDICTION_ID = "duplicate_prediction_id"
